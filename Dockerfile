# The server of fer.serve by itself, without torch: with the network that ships, or with an ONNX file of fer.export.
#   docker build -t fer .
#   docker run -p 8000:8000 -e FER_TOKEN=$(openssl rand -hex 16) fer
#   docker run -p 8000:8000 -e FER_TOKEN=$(openssl rand -hex 16) -v ./net.onnx:/net.onnx:ro fer --checkpoint /net.onnx
FROM python:3.13-slim
RUN pip install --no-cache-dir \
    "numpy>=2.1" "pillow>=11.3" "pillow-heif>=1.1" "opencv-python-headless>=4.10.0.84,<5" "onnxruntime>=1.22" \
    "fastapi>=0.115" "uvicorn>=0.44,<0.55" "websockets>=15,<18" "python-multipart>=0.0.20" "prometheus-client>=0.21"
WORKDIR /fer
COPY pyproject.toml README.md LICENSE ./
COPY conf conf
COPY hydra_plugins hydra_plugins
COPY fer fer
RUN pip install --no-cache-dir --no-deps .
USER nobody
WORKDIR /tmp
EXPOSE 8000
HEALTHCHECK CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz')"]
ENTRYPOINT ["python", "-m", "fer.serve", "--host", "0.0.0.0"]
