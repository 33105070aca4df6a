#!/bin/sh
# Trains CSSP2P on 64 pairs of synthetic tissue, in minutes on two cores: train_demo.sh FOLDER. PYTHON names the python.
set -eu
folder=$1
python=${PYTHON:-python}
"$python" "$(dirname "$0")/train_tiles.py" "$folder/tiles"
"$python" -m vstain_bench train cssp2p --manifest "$folder/tiles/tiles.csv" --val-share 0.25 \
    --encoder-weights none --set backbone=resnet18 --set discriminator_width=16 --set discriminator_layers=3 \
    --samples 3 --set crop=64 --set lr=1e-3 --epochs 24 --validate-every 2 \
    --select fd_random --metrics ssim,css,mae,dab_w1 --device cpu --out "$folder/training"
