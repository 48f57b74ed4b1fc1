"""TabM behind piecewise linear embeddings, prepared and trained as its package's example does it.

Numbers become quantiles of a normal distribution, regression targets are standardised; AdamW, the
norm of gradients clipped at 1, batches of 256, until the validation score has not improved for more
than 16 epochs; then the best epoch's weights.
"""

import copy

import joblib
import numpy as np
import rtdl_num_embeddings
import tabm
import torch
from sklearn.preprocessing import OrdinalEncoder, QuantileTransformer
from torch.nn import functional

from contestants.tables.categories import as_text

BATCH, PATIENCE = 256, 16
AT_ONCE = 8096  # rows of a prediction


class Model:
    def __init__(self, table, seed, threads):
        torch.set_num_threads(threads)
        torch.manual_seed(seed)
        self.seed, self.table = seed, table
        self.categories = list(table.categories)
        self.numbers = [name for name in table.train.X if name not in table.categories]

    def fit(self, train, val):
        self._learn_columns(train)
        x, x_val = self._columns(train.X), self._columns(val.X)
        y = torch.as_tensor(self._coded(train.y))
        self.net = self._network(x[0])
        optimizer = torch.optim.AdamW(self.net.parameters(), lr=2e-3, weight_decay=3e-4)
        best, weights, waited = -np.inf, None, 0
        while waited <= PATIENCE:
            self.net.train()
            for batch in torch.randperm(len(y)).split(BATCH):
                optimizer.zero_grad()
                self._loss([part[batch] for part in x if part is not None], y[batch]).backward()
                torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
                optimizer.step()
            score = self._score(x_val, val.y)
            waited += 1
            if score > best:
                best, weights, waited = score, copy.deepcopy(self.net.state_dict()), 0
        self.net.load_state_dict(weights)

    def predict(self, X):
        return self._answers(self._columns(X))

    def save(self, folder):
        torch.save(self.net.state_dict(), folder / "model.pt")
        joblib.dump((self.quantiles, self.levels), folder / "columns.joblib")

    def _learn_columns(self, train):
        X = train.X[self.numbers].to_numpy(np.float32)
        noise = np.random.default_rng(self.seed).normal(0.0, 1e-5, X.shape).astype(X.dtype)
        self.quantiles = QuantileTransformer(
            n_quantiles=max(min(len(X) // 30, 1000), 10), output_distribution="normal",
            subsample=10**9, random_state=self.seed,
        ).fit(X + noise)  # fmt: skip
        self.levels, self.cardinalities = None, []
        if self.categories:  # 0 is a level that was not seen
            self.levels = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
            self.levels.fit(self._text(train.X))
            self.cardinalities = [len(levels) + 1 for levels in self.levels.categories_]
        if self.table.classes:
            self.classes = np.unique(train.y)
        else:
            self.mean, self.deviation = train.y.mean(), train.y.std()

    def _columns(self, X):
        numbers = self.quantiles.transform(X[self.numbers].to_numpy(np.float32))
        codes = None
        if self.levels:
            codes = torch.as_tensor(self.levels.transform(self._text(X)) + 1).long()
        return torch.as_tensor(numbers, dtype=torch.float32), codes

    def _text(self, X):
        return as_text(X[self.categories], self.categories)

    def _coded(self, y):
        if self.table.classes:
            return np.searchsorted(self.classes, y)
        return ((y - self.mean) / self.deviation).astype(np.float32)

    def _network(self, numbers):
        bins = rtdl_num_embeddings.compute_bins(numbers, n_bins=48)
        embeddings = rtdl_num_embeddings.PiecewiseLinearEmbeddings(
            bins, d_embedding=16, activation=False, version="B"
        )
        return tabm.TabM.make(
            n_num_features=len(self.numbers), cat_cardinalities=self.cardinalities,
            d_out=len(self.classes) if self.table.classes else 1, num_embeddings=embeddings,
        )  # fmt: skip

    def _loss(self, x, y):
        """The mean over the members of each one's own loss."""
        outputs = self.net(*x).flatten(0, 1)
        y = y.repeat_interleave(self.net.k)
        if self.table.classes:
            return functional.cross_entropy(outputs, y)
        return functional.mse_loss(outputs.squeeze(-1), y)

    def _answers(self, x):
        """Of the members' mean: of probabilities where there are classes."""
        self.net.eval()
        with torch.inference_mode():
            parts = zip(*(part.split(AT_ONCE) for part in x if part is not None), strict=True)
            outputs = torch.cat([self.net(*part) for part in parts])
        if self.table.classes:
            return self.classes[outputs.softmax(-1).mean(1).argmax(1).numpy()]
        return outputs.squeeze(-1).mean(1).numpy() * self.deviation + self.mean

    def _score(self, x, y):
        """Higher is better."""
        answers = self._answers(x)
        if self.table.classes:
            return np.mean(answers == y)
        return -np.sqrt(np.mean((answers - y) ** 2))
