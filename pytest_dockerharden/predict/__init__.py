"""Predict a container's posture from text: the service, the Dockerfile it builds, the image as far as it is known."""

from __future__ import annotations

from pytest_dockerharden.model.posture import Posture
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.predict.capabilities import predict_capabilities
from pytest_dockerharden.predict.environment import predict_environment
from pytest_dockerharden.predict.healthcheck import predict_healthcheck
from pytest_dockerharden.predict.identity import predict_identity
from pytest_dockerharden.predict.layers import Layers
from pytest_dockerharden.predict.limits import predict_limits
from pytest_dockerharden.predict.mounts import predict_mounts
from pytest_dockerharden.predict.namespaces import predict_namespaces
from pytest_dockerharden.predict.network import predict_network
from pytest_dockerharden.predict.process import predict_process
from pytest_dockerharden.predict.reading import boolean

__all__ = ["predict"]


def predict(service: Service) -> Posture:
    """The posture that a container of this service will have. What text cannot tell is unknown, with the reason.

    The other services of the project must be loaded, since namespaces and volumes may be theirs.
    """
    layers = Layers(service)
    posture = Posture(subject=service.name, phase="static", origin=service.origin, service=service)
    predict_process(service, layers, posture)
    predict_identity(service, layers, posture)
    predict_capabilities(service, posture)
    posture.read_only_rootfs = boolean(service, "read_only")
    posture.mounts = predict_mounts(service, layers)
    predict_namespaces(service, posture)
    predict_network(service, layers, posture)
    predict_limits(service, posture)
    posture.environment = predict_environment(service, layers)
    posture.healthcheck = predict_healthcheck(service, layers)
    return posture
