"""The function of the example sweep. It needs nothing of MlJob: any function with JSON in and out will do."""

from sklearn.datasets import load_diabetes  # type: ignore[import-not-found]
from sklearn.linear_model import Ridge  # type: ignore[import-not-found]
from sklearn.model_selection import cross_validate  # type: ignore[import-not-found]


def train(alpha: float, folds: int = 5) -> dict[str, float]:
    """Cross-validate a ridge regression on the diabetes data that scikit-learn ships.

    Returns the mean R2 over the folds as `score` and the mean error in units of the target as `rmse`.
    """
    features, target = load_diabetes(return_X_y=True)
    outcome = cross_validate(
        Ridge(alpha=alpha), features, target, cv=folds, scoring=("r2", "neg_root_mean_squared_error")
    )
    score = float(outcome["test_r2"].mean())
    rmse = float(-outcome["test_neg_root_mean_squared_error"].mean())
    print(f"alpha={alpha} folds={folds} score={score:.4f} rmse={rmse:.2f}")
    return {"alpha": alpha, "score": round(score, 6), "rmse": round(rmse, 4)}
