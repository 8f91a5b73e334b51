"""For all tests: LLVM verifies every text that it makes code of."""

from taylorad.machine import module

module.VERIFIES_ALL = True
