"""Trains a larger network on the same data and writes what it says of each message.

usage: teacher.py DATA OUT

The scorer learns from its opinions (Hinton et al. 2015, "Distilling the knowledge in a neural
network") as well as from the labels: they are less noisy, and there is one for every message
and task. The network is MiniLM (all-MiniLM-L6-v2, Apache-2.0: 6 layers of 384, 22.7 million
weights), whose pre-trained weights come with a Python package; it never ships. About an hour
on two cores.
"""

import functools
import hashlib
import importlib.util
import sys
import time
import zipfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import safetensors.numpy
import tokenizers
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

import batches
import opinions
import train
from opinions import CLASSES, MOODS, OUTPUTS, RATED

# Of the file that its makers publish.
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
LAYERS, ATTENTIONS, WIDTH = 6, 12, 384

# Tokens of a message: what it is padded to. A longer one is cut.
EDGES = (8, 12, 16, 20, 24, 28, 32, 40, 48, 64)
CELLS = 1536
# The second pass sees half of the rows.
SHARES = (1.0, 0.5)
RATE, WARMING, DECAY, DROP = 1e-4, 0.05, 0.01, 0.1
RATING_COUNTS = 4
SEED = 20
FIRST_TOKEN = 101


def pretrained():
    """(weights by name, tokenizer) of the package, whose checksum has to be right."""
    package = Path(importlib.util.find_spec("all_minilm_l6_v2").origin).parent
    with zipfile.ZipFile(package / "model.zip") as files:
        weights = files.read("model.safetensors")
        tokenizer = files.read("tokenizer.json").decode()
    if hashlib.sha256(weights).hexdigest() != WEIGHTS_SHA256:
        sys.exit(f"{package} does not hold the weights of all-MiniLM-L6-v2: reinstall it")
    return safetensors.numpy.load(weights), tokenizers.Tokenizer.from_str(tokenizer)


def encode(texts, tokenizer):
    """Token ids of each text. The vocabulary has no emoji: their names stand for them."""
    tokenizer.no_padding()
    tokenizer.enable_truncation(EDGES[-1])
    names = SentimentIntensityAnalyzer().emojis
    spelt = ["".join(f" {names[c]} " if c in names else c for c in text) for text in texts]
    return [encoding.ids for encoding in tokenizer.encode_batch(spelt)]


def parameters(weights, seed):
    """The network's weights as a tree, with a fresh output layer."""
    def dense(name):
        return jnp.asarray(weights[f"{name}.weight"].T), jnp.asarray(weights[f"{name}.bias"])

    def norm(name):
        return jnp.asarray(weights[f"{name}.weight"]), jnp.asarray(weights[f"{name}.bias"])

    layers = []
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}"
        parts = [dense(f"{name}.attention.self.{part}") for part in ("query", "key", "value")]
        layers.append({
            "attend": tuple(jnp.concatenate(part, axis=-1) for part in zip(*parts)),
            "attended": dense(f"{name}.attention.output.dense"),
            "attended_norm": norm(f"{name}.attention.output.LayerNorm"),
            "widen": dense(f"{name}.intermediate.dense"),
            "narrow": dense(f"{name}.output.dense"),
            "norm": norm(f"{name}.output.LayerNorm"),
        })
    generator = np.random.default_rng(seed)
    return {
        "words": jnp.asarray(weights["embeddings.word_embeddings.weight"]),
        "places": jnp.asarray(weights["embeddings.position_embeddings.weight"][:EDGES[-1]]
                              + weights["embeddings.token_type_embeddings.weight"][0]),
        "norm": norm("embeddings.LayerNorm"),
        "layers": layers,
        "out": (jnp.asarray(generator.normal(0, 0.02, (2 * WIDTH, OUTPUTS)), jnp.float32),
                jnp.zeros(OUTPUTS)),
    }


def normed(x, scale_and_shift):
    scale, shift = scale_and_shift
    mean = x.mean(axis=-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(axis=-1, keepdims=True)
    return (x - mean) * jax.lax.rsqrt(variance + 1e-12) * scale + shift


def linear(x, weights):
    return x @ weights[0] + weights[1]


def outputs(network, ids, key=None):
    """Outputs [rows, OUTPUTS] of token ids [rows, tokens]; with a key, some are dropped."""
    rows, tokens = ids.shape
    known = ids > 0
    hidden = normed(network["words"][ids] + network["places"][:tokens], network["norm"])
    unseen = jnp.where(known, 0.0, -1e9)[:, None, None, :]
    for layer in network["layers"]:
        heads = linear(hidden, layer["attend"]).reshape(rows, tokens, 3 * ATTENTIONS, -1)
        query, of_key, value = jnp.split(heads, 3, axis=2)
        match = jnp.einsum("nqhd,nkhd->nhqk", query, of_key) / np.sqrt(WIDTH // ATTENTIONS)
        seen = jnp.einsum("nhqk,nkhd->nqhd", jax.nn.softmax(match + unseen), value)
        seen = linear(seen.reshape(rows, tokens, WIDTH), layer["attended"])
        hidden = normed(hidden + seen, layer["attended_norm"])
        wide = jax.nn.gelu(linear(hidden, layer["widen"]), approximate=True)
        hidden = normed(hidden + linear(wide, layer["narrow"]), layer["norm"])
    of_known = known[:, :, None]
    mean = (hidden * of_known).sum(axis=1) / of_known.sum(axis=1)
    features = jnp.concatenate([mean, hidden[:, 0]], axis=1)
    if key is not None:
        kept = jax.random.bernoulli(jax.random.fold_in(key, 99), 1 - DROP, features.shape)
        features = jnp.where(kept, features / (1 - DROP), 0)
    return linear(features, network["out"])


def loss(network, ids, aims, weight, key):
    said = outputs(network, ids, key)
    sentiment, moods, rated = aims
    of_classes = -(sentiment * jax.nn.log_softmax(said[:, CLASSES])).sum(axis=1)
    of_moods = -(moods * jax.nn.log_softmax(said[:, MOODS])).sum(axis=1)
    of_ratings = RATING_COUNTS * (jnp.tanh(said[:, RATED]) - rated) ** 2 / 2
    return (jnp.stack([of_classes, of_moods, of_ratings], axis=1) * weight).sum(axis=1).mean()


def filled(ids, rows, length, size):
    """Token ids [size, length]; a row of padding has one token, to attend to."""
    out = np.zeros((size, length), np.int32)
    for at, row in enumerate(rows):
        out[at, :len(ids[row])] = ids[row]
    out[len(rows):, 0] = FIRST_TOKEN
    return out


def trained(network, ids, aims, weight):
    """The network after training: AdamW, the rate warmed up and let down as a cosine."""
    generator = np.random.default_rng(SEED)
    lengths = np.array([len(row) for row in ids])
    plan = [batch for share in SHARES
            for batch in batches.plan(lengths, EDGES, CELLS, generator, share)]
    rate = optax.warmup_cosine_decay_schedule(
        0, RATE, int(WARMING * len(plan)), len(plan), RATE * 0.02)
    optimiser = optax.chain(optax.clip_by_global_norm(1.0),
                            optax.adamw(rate, b2=0.98, weight_decay=DECAY))
    state = optimiser.init(network)

    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def step(network, state, ids, aims, weight, key):
        value, gradients = jax.value_and_grad(loss)(network, ids, aims, weight, key)
        updates, state = optimiser.update(gradients, state, network)
        return optax.apply_updates(network, updates), state, value

    began, total = time.time(), 0.0
    for taken, (rows, length, size) in enumerate(plan, start=1):
        network, state, value = step(
            network, state, filled(ids, rows, length, size),
            tuple(batches.padded(aim, rows, size) for aim in aims),
            batches.padded(weight, rows, size), jax.random.PRNGKey(taken - 1))
        total += float(value)
        if taken % 100 == 0:
            print(f"step {taken}/{len(plan)}: loss {total / 100:.4f}, "
                  f"{time.time() - began:.0f} s", flush=True)
            total = 0.0
    return network


def opinion_of(network, ids):
    """Outputs [rows, OUTPUTS]."""
    said = np.zeros((len(ids), OUTPUTS), np.float32)
    of_batch = jax.jit(outputs)
    lengths = np.array([len(row) for row in ids])
    for rows, length, size in batches.plan(lengths, EDGES, CELLS):
        said[rows] = np.asarray(of_batch(network, filled(ids, rows, length, size)))[:len(rows)]
    return said


def main(data, out):
    # Threefry, the default, costs a tenth of the time.
    jax.config.update("jax_default_prng_impl", "rbg")
    rows = train.labelled(data)
    aims = train.targets(rows)
    weight = train.weights(np.array(rows.source), *aims)
    weights, tokenizer = pretrained()
    ids = encode(rows.text, tokenizer)
    sentiment, moods, rated = aims
    network = trained(parameters(weights, 0), ids, (sentiment, moods, np.nan_to_num(rated)),
                      weight)
    taught = np.isin(np.array(rows.source), opinions.TAUGHT)
    opinions.write(out, [text for text, of in zip(rows.text, taught) if of],
                   opinion_of(network, ids)[taught])


if __name__ == "__main__":
    main(*sys.argv[1:])
