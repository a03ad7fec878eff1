# The toolkit without its extras: what runs in the Jobs of `toolkit render-job` (docs/reference/jobs.md).
#
#   docker build --build-arg PYTHON_DIGEST=sha256:... --tag registry.example/kong-mesh-pca-toolkit:0.1.0 .

# The base by its exact version. Which digest that is, your registry says (docker buildx imagetools inspect); without it
# the tag alone is trusted.
ARG PYTHON_TAG=3.13.12-slim-trixie
ARG PYTHON_DIGEST=

FROM docker.io/library/python:${PYTHON_TAG}${PYTHON_DIGEST:+@}${PYTHON_DIGEST} AS build

WORKDIR /source
# The toolkit without its extras: neither Pulumi nor the sandbox. pip rejects anything that is not in the lock with its
# hash, and so rejects a lock with a gap.
COPY requirements-base.lock requirements-image-build.lock ./
RUN python -m venv --without-pip /opt/toolkit \
    && python -m pip --python /opt/toolkit/bin/python install --no-cache-dir --disable-pip-version-check \
        --root-user-action ignore --require-hashes --only-binary :all: --requirement requirements-base.lock \
    && python -m pip install --no-cache-dir --disable-pip-version-check --root-user-action ignore \
        --require-hashes --only-binary :all: --requirement requirements-image-build.lock

COPY pyproject.toml README.md LICENSE Pulumi.yaml __main__.py ./
COPY toolkit ./toolkit
COPY templates ./templates
# The wheel wants the directory; the settings of anybody's stacks have no place in an image. Nothing is fetched here: what
# is needed came with its hash.
RUN mkdir stacks \
    && python -m pip wheel --no-cache-dir --disable-pip-version-check --no-index --no-deps --no-build-isolation \
        --wheel-dir /tmp/wheel . \
    && python -m pip --python /opt/toolkit/bin/python install --no-cache-dir --disable-pip-version-check \
        --root-user-action ignore --no-index --no-deps /tmp/wheel/*.whl

FROM docker.io/library/python:${PYTHON_TAG}${PYTHON_DIGEST:+@}${PYTHON_DIGEST}

LABEL org.opencontainers.image.title="kong-mesh-pca-toolkit" \
    org.opencontainers.image.description="Proves that a Kong Mesh zone gets certificates from AWS Private CA." \
    org.opencontainers.image.licenses="Apache-2.0"

# Whoever runs one program needs no installer.
RUN python -m pip uninstall --yes --disable-pip-version-check --root-user-action ignore pip \
    && rm -rf /usr/local/lib/python3*/ensurepip

COPY --from=build /opt/toolkit /opt/toolkit
ENV PATH=/opt/toolkit/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

# By number: Kubernetes can't tell from a name that it is not root (runAsNonRoot).
USER 65532:65532
WORKDIR /tmp
ENTRYPOINT ["toolkit"]
CMD ["--help"]
