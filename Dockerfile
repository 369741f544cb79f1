# syntax=docker/dockerfile:1
# The bridge in one small image: only Python, the locked libraries and the wheel.

FROM python:3.13-slim AS build
WORKDIR /src
RUN python -m venv /opt/bridge
COPY requirements.lock ./
RUN /opt/bridge/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY bridge ./bridge
COPY mappings ./mappings
COPY schemas ./schemas
RUN /opt/bridge/bin/pip install --no-cache-dir --no-deps . \
 && /opt/bridge/bin/pip uninstall --yes pip

FROM python:3.13-slim
RUN useradd --system --uid 10001 --create-home --home-dir /srv/bridge bridge \
 && install -d -o bridge -g bridge /srv/bridge/data
COPY --from=build /opt/bridge /opt/bridge
ENV PATH=/opt/bridge/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
USER bridge
WORKDIR /srv/bridge
# The database is stored here, and the secret key if none is set: keep this folder on a volume.
VOLUME /srv/bridge/data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["capi-bridge"]
CMD ["serve", "--bind", "0.0.0.0:8000"]
