"""stub"""
from taylorad.forward.jet import Jet
class MultivariateTaylor(Jet):
    def tensor(self, k):
        import numpy as np, math, itertools
        n=self.algebra.family[1]
        t=np.zeros((*self.shape,)+(n,)*k)
        for idx in itertools.product(range(n),repeat=k):
            m=tuple(idx.count(i) for i in range(n))
            t[(...,)+idx]=self.c[self.algebra.position[m]]*math.prod(math.factorial(e) for e in m)
        return t
