"""Networks that were trained elsewhere, as key networks: ONNX, Hugging Face folders, TorchScript, ``torch.export``."""
