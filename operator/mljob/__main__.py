"""`python -m mljob`: the operator."""

import sys

from mljob.main import main

sys.exit(main())
