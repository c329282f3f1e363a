# One image for every process; compose.yaml says which command each container runs.
FROM python:3.11-slim AS built
WORKDIR /punchcard
COPY constraints.txt ./
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --no-deps --require-hashes -r constraints.txt
COPY pyproject.toml ./
COPY contracts contracts
COPY runtime runtime
COPY workers workers
COPY services services
RUN /venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11-slim
RUN useradd --system --uid 10001 --create-home punchcard
COPY --from=built /venv /venv
WORKDIR /home/punchcard
COPY --chown=punchcard programme.yaml ./
RUN mkdir .punchcard && chown punchcard .punchcard
USER punchcard
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PUNCHCARD_HOST=0.0.0.0
EXPOSE 8080 8025 9100
ENTRYPOINT ["punchcard"]
CMD ["--help"]
