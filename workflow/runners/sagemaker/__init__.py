"""The runner of the cloud: processing and training jobs of SageMaker, over plain boto3."""
