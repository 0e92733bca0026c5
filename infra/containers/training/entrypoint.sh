#!/bin/sh
# What SageMaker starts: `train` is AWS's training toolkit, `serve` the server of the model's own code, on every address
# of the container. exec, so that SIGTERM reaches the program.
base=${SAGEMAKER_BASE_DIR:-/opt/ml}
case "$1" in
  train)
    exec train
    ;;
  serve)
    code=$base/model/code
    [ -f "$code/serve.py" ] || code=/opt/despina/training_scripts
    exec python3 "$code/serve.py" --host 0.0.0.0 --port "${SAGEMAKER_BIND_TO_PORT:-8080}"
    ;;
  *)
    exec "$@"
    ;;
esac
