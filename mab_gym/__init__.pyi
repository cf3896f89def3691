from .actions import OutOfContext as OutOfContext
from .agents._agent import Agent as Agent
from .agents._agent import AsyncAgent as AsyncAgent
from .agents._chat_function import ChatFunction as ChatFunction
from .agents._chat_model import ChatModel as ChatModel
from .backends._kinds import register_backend as register_backend
from .envs._env import MedicalRecordEnv as MedicalRecordEnv
from .envs._make import make as make
from .envs._registration import register_file as register_file
from .envs._vector import MedicalRecordVectorEnv as MedicalRecordVectorEnv
from .episode import Episode as Episode
from .episode import Observation as Observation
from .episode import Step as Step
from .errors import MabGymError as MabGymError
from .integrations._rows import task_rows as task_rows
from .runs._ablate import Ablation as Ablation
from .runs._ablate import ablate as ablate
from .runs._evaluation import Evaluation as Evaluation
from .runs._evaluation import Plan as Plan
from .runs._evaluation import Watcher as Watcher
from .runs._evaluation import evaluate as evaluate
from .runs._play import play as play
from .runs._play import play_async as play_async
from .runs._records import EpisodeRecord as EpisodeRecord
from .tasking._catalogue import register_families as register_families
from .tasking.judging import Judge as Judge

__version__: str
