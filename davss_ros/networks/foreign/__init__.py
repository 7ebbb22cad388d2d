# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Networks that were trained elsewhere, as key networks: ONNX, Hugging Face folders, TorchScript, ``torch.export``."""
