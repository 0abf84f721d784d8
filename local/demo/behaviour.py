"""How the shop behaves: when visitors come, what they want, how long it takes, how often it fails.

The live shop and its history (``history.py``) read the same figures: so the one goes on where the other ends.
"""

SECONDS_PER_DAY, DAYS_PER_WEEK = 86_400, 7
MONDAY_S = 4 * SECONDS_PER_DAY  # 1970-01-05, the first Monday after the epoch

# A European web shop in UTC: few at 3, a bump at noon, most at 19. Requests of an hour relative to the day's mean;
# the 24 figures have mean 1.
DAILY_SHAPE = (
    0.594, 0.496, 0.440, 0.412, 0.426, 0.496, 0.636, 0.818, 0.986, 1.084, 1.126, 1.196,
    1.266, 1.168, 1.112, 1.126, 1.196, 1.322, 1.504, 1.602, 1.546, 1.336, 1.168, 0.944,
)  # fmt: skip
WEEKLY_SHAPE = (1.06, 1.06, 1.06, 1.07, 1.10, 0.87, 0.78)  # Monday to Sunday, mean 1

PRODUCTS = 50
HOME, LIST, PRODUCT, CHECKOUT, ORDER = (
    0.20,
    0.20,
    0.26,
    0.22,
    0.11,
)  # shares of visits; the rest asks for what is not there
UNKNOWN_PRODUCT_RATIO = 0.015
EMPTY_CART_RATIO = 0.02

# medians in ms of lognormal steps
RENDER_HOME_MS, SEARCH_MS, RENDER_LIST_MS, LOAD_PRODUCT_MS = 12.0, 15.0, 8.0, 14.0
PRICE_CART_MS, RESERVE_MS, STORE_ORDER_MS, LOAD_ORDER_MS = 10.0, 14.0, 12.0, 10.0
ASK_BANK_MS, LOAD_PAYMENT_MS = 45.0, 8.0
LATENCY_SIGMA = 0.5
LONGEST_STEP_S = 2.0
OVERHEAD_MS = 3.0  # of a request over loopback, as the live shop has it

SEARCH_FAILURE_RATIO = 0.003
STOCK_FAILURE_RATIO = 0.005
BANK_FAILURE_RATIO = 0.01
DECLINE_RATIO = 0.02

SEARCH_FAILED = "search index unavailable"
STOCK_FAILED = "stock row is locked"
BANK_FAILED = "the bank did not answer"
DECLINED = "the card was declined"
NOT_PAID = "payment could not be taken"
NOT_PLACED = "orders could not place the order"
CART_EMPTY = "the cart is empty"
NO_PRODUCT = "no such product"
NO_PAGE = "no such page"


def rate_factor(at_s: float) -> float:
    """Return the rate at ``at_s`` (epoch seconds) relative to the mean of a week, linear between hours and days."""
    return _between(DAILY_SHAPE, at_s / 3600 - 0.5) * _between(WEEKLY_SHAPE, (at_s - MONDAY_S) / SECONDS_PER_DAY - 0.5)


def _between(shape: tuple[float, ...], position: float) -> float:
    first = int(position // 1)
    share = position - first
    return shape[first % len(shape)] * (1 - share) + shape[(first + 1) % len(shape)] * share
