"""The jobs of SageMaker, each from its request to its last state: training, processing, tuning."""
