"""An emulator of SageMaker that really runs the jobs: botocore's shapes in front, the container contract behind.

It does not emulate authorisation, quotas, capacity, VPC, KMS, pipe mode, augmented manifests, data capture,
autoscaling or pipelines. What S3 and the other services answer comes from moto in the same process.
"""
