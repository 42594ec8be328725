"""Trains networks that share weights at once, and reads the value of each of them."""

from trials.supernet.reading import NetworkValue as NetworkValue
from trials.supernet.reading import read_networks as read_networks
from trials.supernet.recipe import SupernetRecipe as SupernetRecipe
from trials.supernet.training import SupernetEpoch as SupernetEpoch
from trials.supernet.training import train_supernet as train_supernet
from trials.supernet.weights_file import TrainedSupernet as TrainedSupernet
from trials.supernet.weights_file import load_supernet as load_supernet
