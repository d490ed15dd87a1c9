"""Fits the weights of hashed features to classes, moods and ratings at once, in JAX."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax

import batches

HEADS = 16
NEGATIVE, POSITIVE, RATED, MOOD = 0, 1, 2, 3

# What AdaGrad's sums of squares begin with: what is seen once or twice moves little.
BEGINNING = 10.0

# Features of a row: what rows are padded to. A longer row is cut.
EDGES = (32, 64, 96, 128, 160, 192, 256, 320, 448, 640)
CELLS = 12_000


def outputs(weights, ids, values, of_rating=None):
    """Logits [rows, HEADS] of rows of features; the arrays are [rows, features].

    of_rating: the values that the rating sees, if they are others.
    """
    rows = weights["features"][ids]
    logits = jnp.einsum("nk,nkh->nh", values, rows) + weights["biases"]
    if of_rating is None:
        return logits
    rated = jnp.einsum("nk,nk->n", of_rating, rows[:, :, RATED]) + weights["biases"][RATED]
    return logits.at[:, RATED].set(rated)


def class_logits(logits):
    """Negative, neutral, positive [rows, 3]: neutral's is 0."""
    neutral = jnp.zeros(len(logits))
    return jnp.stack([logits[:, NEGATIVE], neutral, logits[:, POSITIVE]], axis=1)


def loss(weights, ids, values, of_rating, aims, weight):
    """Sum over the rows of cross entropy (classes, moods) and half the squared error (ratings)."""
    logits = outputs(weights, ids, values, of_rating)
    sentiment, moods, rated = aims
    of_classes = -(sentiment * jax.nn.log_softmax(class_logits(logits))).sum(axis=1)
    of_moods = -(moods * jax.nn.log_softmax(logits[:, MOOD:])).sum(axis=1)
    of_ratings = (logits[:, RATED] - rated) ** 2 / 2
    return (jnp.stack([of_classes, of_moods, of_ratings], axis=1) * weight).sum()


def filled(sparse, rows, length, size, blank):
    """Ids and values [size, length] of sparse rows; `blank` is the id of no feature."""
    pointers, all_ids, all_values = sparse
    ids = np.full((size, length), blank, np.int32)
    values = np.zeros((size, length), np.float32)
    for at, row in enumerate(rows):
        first, last = pointers[row], min(pointers[row + 1], pointers[row] + length)
        ids[at, :last - first] = all_ids[first:last]
        values[at, :last - first] = all_values[first:last]
    return ids, values


def fit(sparse, aims, weight, lasting, epochs, rate, drop, seed):
    """Weights [features, HEADS] and biases [HEADS], by AdaGrad with a falling rate.

    sparse: (pointers, ids, values) of the rows; aims: shares of classes [rows, 3] and moods
    [rows, 13], ratings [rows]; weight: of each row in each of the three [rows, 3]; lasting:
    of each feature whether the rating always sees it: what the lexicon's words add up to is
    nearest to it, and an n-gram should not have to stand in for it; drop: share of the others
    that a step leaves out.
    """
    features = len(lasting)
    generator = np.random.default_rng(seed)
    plans = [batches.plan(np.diff(sparse[0]), EDGES, CELLS, generator) for _ in range(epochs)]
    steps = optax.linear_schedule(rate, 0, sum(map(len, plans)))
    optimiser = optax.adagrad(steps, initial_accumulator_value=BEGINNING)
    # The last row is that of no feature: it has values of zero and stays zero.
    weights = {"features": jnp.zeros((features + 1, HEADS)), "biases": jnp.zeros(HEADS)}
    state = optimiser.init(weights)
    lasts = jnp.asarray(np.append(lasting, False))

    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def step(weights, state, ids, values, aims, weight, key):
        kept = jax.random.bernoulli(key, 1 - drop, values.shape)
        some = jnp.where(kept, values / (1 - drop), 0)
        of_rating = jnp.where(lasts[ids], values, some)
        value, gradients = jax.value_and_grad(loss)(weights, ids, some, of_rating, aims, weight)
        updates, state = optimiser.update(gradients, state, weights)
        return optax.apply_updates(weights, updates), state, value

    taken = 0
    for epoch, plan in enumerate(plans):
        total = 0.0
        for rows, length, size in plan:
            of_rows = tuple(batches.padded(aim, rows, size) for aim in aims)
            weights, state, value = step(
                weights, state, *filled(sparse, rows, length, size, features), of_rows,
                batches.padded(weight, rows, size), jax.random.key(seed * 1_000_000 + taken))
            total += float(value)
            taken += 1
        print(f"epoch {epoch + 1}/{epochs}: loss {total / len(weight):.4f}", flush=True)
    return np.asarray(weights["features"])[:features], np.asarray(weights["biases"])


def predict(sparse, weights, biases):
    """Logits [rows, HEADS]."""
    blank = len(weights)
    weights = {"features": jnp.concatenate([weights, jnp.zeros((1, HEADS))]),
               "biases": jnp.asarray(biases)}
    logits = np.zeros((len(sparse[0]) - 1, HEADS), np.float32)
    of_batch = jax.jit(outputs)
    for rows, length, size in batches.plan(np.diff(sparse[0]), EDGES, CELLS):
        result = of_batch(weights, *filled(sparse, rows, length, size, blank))
        logits[rows] = np.asarray(result)[:len(rows)]
    return logits
