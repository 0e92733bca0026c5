"""Running jobs: programs over the folders of the SageMaker container contract."""
