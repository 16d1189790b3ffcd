# Rollcall's image; docs/image.md tells how to run it. Any builder can build it: nothing here is BuildKit's own.
#
# The base needs Python 3.11 or newer with venv: an official slim image, or a Debian with python3 and python3-venv.
# A tag may be moved; to pin what it names today: docker pull TAG, docker inspect --format '{{.RepoDigests}}' TAG, and
# BASE_IMAGE=python:3.13.16-slim-trixie@sha256:… for make image, or in the next line.
ARG BASE_IMAGE=python:3.13.16-slim-trixie

FROM ${BASE_IMAGE} AS builder

# Where packages come from, as pip calls them. They reach this stage only; a /etc/pip.conf of the base counts as well.
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_TRUSTED_HOST

# pip stays out of the environment that is shipped.
COPY requirements.txt /build/
RUN python3 -m venv /build/tools \
    && python3 -m venv --without-pip /opt/venv \
    && /build/tools/bin/pip --python /opt/venv/bin/python3 install --no-cache-dir --no-compile --no-input \
        --disable-pip-version-check --only-binary :all: --require-hashes --no-deps --requirement /build/requirements.txt

# Of Amazon's services only storage is used, and the sign-in that leads to it; of all languages only English; and the
# panels have styles and scripts of their own.
# hadolint ignore=DL3003
RUN cd /opt/venv/lib/python3*/site-packages \
    && find botocore/data -mindepth 1 -maxdepth 1 -type d ! -name s3 ! -name sts -exec rm -r {} + \
    && find babel/locale-data -name '*.dat' ! -name root.dat ! -name 'en*.dat' -delete \
    && rm -r flask_admin/static flask_admin/tests

COPY LICENSE config.py run.py /app/
COPY app /app/app/
COPY migrations /app/migrations/
COPY deploy/image /build/bin/

# Compiled here, for nothing can be written later; the same sources give the same files, whenever that is. How the
# checkout's files may be used is the build machine's affair: in the image all can read them, and nobody writes.
RUN python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib /app \
    && chmod -R a+rX,go-w /opt/venv /app \
    && install -m 0755 /build/bin/entrypoint /usr/local/bin/rollcall-entrypoint \
    && install -m 0644 /build/bin/healthcheck.py /usr/local/bin/rollcall-healthcheck.py


FROM ${BASE_IMAGE}

RUN groupadd --gid 10001 rollcall \
    && useradd --uid 10001 --gid 10001 --no-log-init --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin rollcall \
    && install -d -o 10001 -g 10001 -m 0700 /var/lib/rollcall

COPY --from=builder /opt/venv /opt/venv
COPY --from=builder /usr/local/bin/rollcall-entrypoint /usr/local/bin/rollcall-healthcheck.py /usr/local/bin/
COPY --from=builder /app /app

ENV PATH=/opt/venv/bin:$PATH \
    FLASK_APP=run \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    INSTANCE_PATH=/var/lib/rollcall \
    HOST=0.0.0.0 \
    PORT=8000 \
    TRUSTED_PROXIES=1 \
    LOG_FORMAT=json \
    DEMO=0 \
    DRAIN_SECONDS=5

WORKDIR /app
USER 10001:10001
VOLUME ["/var/lib/rollcall"]
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python3", "-IS", "/usr/local/bin/rollcall-healthcheck.py"]
ENTRYPOINT ["rollcall-entrypoint"]
CMD ["serve"]

# Last, because they change with each commit.
ARG BASE_IMAGE
ARG IMAGE_COMMIT=
ARG IMAGE_TAG=
ARG IMAGE_TIME=
ARG IMAGE_SOURCE=
ENV IMAGE_COMMIT=$IMAGE_COMMIT \
    IMAGE_TAG=$IMAGE_TAG \
    IMAGE_TIME=$IMAGE_TIME
LABEL org.opencontainers.image.title="Rollcall" \
      org.opencontainers.image.description="A self-hosted HR dashboard: who works where, in which role, under whom" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version=$IMAGE_TAG \
      org.opencontainers.image.revision=$IMAGE_COMMIT \
      org.opencontainers.image.created=$IMAGE_TIME \
      org.opencontainers.image.source=$IMAGE_SOURCE \
      org.opencontainers.image.base.name=$BASE_IMAGE
