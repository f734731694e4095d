"""The public names for type checkers; at run time `__init__.py` imports each when it is first used."""

from . import ase as ase
from . import backends as backends
from . import config as config
from . import conformance as conformance
from . import data as data
from . import demo as demo
from . import errors as errors
from . import serialization as serialization
from . import surveys as surveys
from . import testing as testing
from .api import build as build
from .api import convert as convert
from .api import load as load
from .api import load_multitask as load_multitask
from .api import save as save
from .config import DPA2Config as DPA2Config
from .errors import BackendError as BackendError
from .errors import ConfigurationError as ConfigurationError
from .errors import DPA2Error as DPA2Error
from .errors import FileMissing as FileMissing
from .errors import FormatError as FormatError
from .errors import InputError as InputError
from .errors import MissingDependency as MissingDependency
from .errors import TargetLacks as TargetLacks
from .errors import TooManyNeighbors as TooManyNeighbors
from .errors import TrainingStopped as TrainingStopped
from .errors import UnsupportedModel as UnsupportedModel
from .errors import VerificationFailed as VerificationFailed
from .errors import WriteFailed as WriteFailed
from .evaluation.results import DescriptorEvaluation as DescriptorEvaluation
from .evaluation.results import Evaluation as Evaluation
from .model.compression import compress as compress
from .model.extrapolation import ExtrapolationWarning as ExtrapolationWarning
from .model.model import Model as Model
from .model.statistics import compute_statistics as compute_statistics
from .model.statistics import fit_output_bias as fit_output_bias
from .model.truncation import TruncationWarning as TruncationWarning
from .serialization import config_to_script as config_to_script
from .serialization import script_to_config as script_to_config
from .structures.datasets import read_dataset as read_dataset
from .structures.system import System as System
from .tracing.trace import trace as trace

__version__: str
