"""stub"""
from taylorad.forward.jet import Jet
class Taylor(Jet):
    coefficients = property(lambda self: self.c)
