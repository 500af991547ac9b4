"""The one settings file. Values that differ between installations come from the environment, by `chimera.env`."""

import gc
from datetime import timedelta
from decimal import Decimal
from operator import methodcaller
from pathlib import Path

from chimera import env
from chimera.kernel.logs import configuration

# A start makes 160 000 objects that all stay: looking through them 200 times over takes a seventh of it. What is there once all
# is loaded is never looked at again (chimera/apps.py), and a request makes no rings worth a look after each 700 objects.
gc.set_threshold(10_000, 10, 10)

BASE_DIR = Path(__file__).resolve().parent.parent
HOME = env.home(BASE_DIR)
SERVERS = env.server_urls(HOME)

SECRET_KEY = env.secret_key(HOME)
SECRET_KEY_FALLBACKS = env.words("CHIMERA_SECRET_KEY_FALLBACKS", "")  # still read, and nothing is signed with them
DEBUG = env.flag("CHIMERA_DEBUG", False)
PORT = env.integer("CHIMERA_PORT", 8000, least=1, most=65535)
BASE_URL = env.text("CHIMERA_BASE_URL", f"http://127.0.0.1:{PORT}")
ALLOWED_HOSTS = env.words("CHIMERA_HOSTS", "127.0.0.1,localhost,[::1]")
CSRF_TRUSTED_ORIGINS = env.words("CHIMERA_ORIGINS", BASE_URL)
PROXIES = env.integer("CHIMERA_PROXIES", 0, least=0, most=10)  # of ours in front; what they say of a caller is believed

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "channels",
    "django_structlog",
    "procrastinate.contrib.django",
    "allauth",
    "allauth.account",  # the second factor's package asks for it; its pages and tables are not used
    "allauth.mfa",
    "chimera.kernel",
    "swarm",
    "commerce",
    "safety",
    "memory",
    "chimera",
]

# Every one of these is async-capable: one sync middleware would cost a thread per waiting long poll (docs/adr).
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "chimera.kernel.http.trace.TraceMiddleware",
    "chimera.kernel.http.csp.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "chimera.urls"
ASGI_APPLICATION = "chimera.asgi.application"
WSGI_APPLICATION = "chimera.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- PostgreSQL: the application logs in as a role that owns nothing; migrations log in as the owner (docs/architecture.md).
DB_POOL_MAX = env.integer(
    "CHIMERA_DB_POOL_MAX", 16, least=2, most=500
)  # per process; times processes <= max_connections
LOCK_TIMEOUT_MS = 3_000  # longer waits mean two flows in each other's way: better a 503 to repeat than a pile-up
STATEMENT_TIMEOUT_MS = 15_000  # no request needs more; housekeeping sets its own
IDLE_IN_TRANSACTION_MS = 15_000  # an idle writer holds the event log back (docs/architecture.md)
_TIMEOUTS = (
    f"-c lock_timeout={LOCK_TIMEOUT_MS} -c statement_timeout={STATEMENT_TIMEOUT_MS}"
    f" -c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_MS}"
)
# Prepared statements (chimera/kernel/prepared.py) and those of triggers and foreign keys: with a partition for every month,
# planning for each value costs more than any value could save.
# To compile such a plan anew each time that it is run takes longer than running it; a server of somebody's own may have that on.
_PLANNED_ONCE = " -c plan_cache_mode=force_generic_plan -c jit=off"
DATABASES = {
    "default": env.database("DATABASE_URL", SERVERS["DATABASE_URL"])
    | {
        "CONN_MAX_AGE": 0,
        "ENGINE": "chimera.kernel.postgres",  # looks at each connection that the pool hands out
        "DISABLE_SERVER_SIDE_CURSORS": True,
        "OPTIONS": {
            "pool": {
                "min_size": 1,
                "max_size": DB_POOL_MAX,
                "timeout": 10,
                "max_idle": 60,
                # Asks again once a second while the server is away; its own pauses would double without end.
                "reconnect_timeout": 1,
                "reconnect_failed": methodcaller("check"),
            },
            "options": _TIMEOUTS + _PLANNED_ONCE,
            "application_name": env.text("CHIMERA_PROCESS", "chimera"),
        },
    },
    "owner": env.database("DATABASE_OWNER_URL", SERVERS["DATABASE_OWNER_URL"])
    | {"OPTIONS": {"application_name": "chimera-owner"}},
}
DATABASE_ROUTERS: list[str] = []
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Redis: a hint (docs/architecture.md).
REDIS_URL = SERVERS["REDIS_URL"]
REDIS_TIMEOUT_SECONDS = 1.0  # a hint that takes longer than asking PostgreSQL is no hint
CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "chimera:cache",
        "KEY_FUNCTION": "chimera.kernel.redis.cache_key",
        "TIMEOUT": 300,
        "OPTIONS": {
            "IGNORE_EXCEPTIONS": True,
            "CONNECTION_POOL_KWARGS": {"socket_timeout": REDIS_TIMEOUT_SECONDS, "socket_connect_timeout": 1.0},
        },
    }
}

# --- People
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
SESSION_ENGINE = "chimera.kernel.http.sessions"
SESSION_COOKIE_AGE = 12 * 3600  # seconds from the login on: a working day, with a new login for the next one
SESSION_IDLE = timedelta(minutes=60)  # without a request: a lunch break, not a night
PASSWORD_RESET_TIMEOUT = 3 * 24 * 3600  # seconds for which an invitation's link works: a weekend
MFA_ADAPTER = "chimera.kernel.entrance.adapter.Adapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_RECOVERY_CODE_COUNT = 10
MFA_RECOVERY_CODE_DIGITS = 12  # 40 bits: no limit of attempts is what keeps them
ACCOUNT_EMAIL_VERIFICATION = "none"  # accounts are made by invitation; allauth's own pages have no address here
LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

# --- Static files are served beside the ASGI application (chimera/asgi.py).
STATIC_URL = "/static/"
STATIC_ROOT = HOME / "static"
STATICFILES_DIRS = [BASE_DIR / "chimera" / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

# --- Security. What needs TLS is on where the base address has it; the proxy in front may be the one that ends it.
TLS = BASE_URL.startswith("https://")
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = TLS
# The prefix binds the cookie to this host and to TLS: a sister domain cannot plant one.
SESSION_COOKIE_NAME = "__Host-chimera" if TLS else "sessionid"
SECURE_SSL_REDIRECT = TLS
SECURE_REDIRECT_EXEMPT = ["^healthz$", "^readyz$", "^metrics$"]  # asked by neighbours, past the proxy
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PROXIES else None
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = TLS
SECURE_HSTS_PRELOAD = False
SILENCED_SYSTEM_CHECKS = ["security.W021"]  # preloading binds a whole domain for years: its owner's decision, not ours

# --- API
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "chimera.kernel.http.authentication.BearerAuthentication",
        "chimera.kernel.http.authentication.CookieAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["chimera.kernel.http.permissions.MayCall"],
    "DEFAULT_PARSER_CLASSES": ["chimera.kernel.http.parsing.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "EXCEPTION_HANDLER": "chimera.kernel.http.problem.answer",
    "DEFAULT_SCHEMA_CLASS": "chimera.kernel.http.schema.Schema",
    "UNAUTHENTICATED_USER": None,
    "COERCE_DECIMAL_TO_STRING": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Chimera",
    "DESCRIPTION": "Control plane for swarms of AI agents: durable tasks, money with limits, memory, human decisions.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "POSTPROCESSING_HOOKS": [],
}
REQUEST_BYTES_MAX = 4 * 1024 * 1024  # a batch of 500 small tasks; one payload has its own, smaller limit
DATA_UPLOAD_MAX_MEMORY_SIZE = REQUEST_BYTES_MAX
DATA_UPLOAD_MAX_NUMBER_FIELDS = 6_000  # a policy's form: a hundred rules with all their boxes ticked

# --- Limits with names (docs/architecture.md)
LEASE = timedelta(
    seconds=env.integer("CHIMERA_LEASE_SECONDS", 60, least=2, most=3600)
)  # 30-3600 in production; tests use less
ATTEMPTS_MAX = 3  # tries of one task before a person looks at it
PAYLOAD_BYTES_MAX = 256 * 1024  # a task carries instructions, not files
BATCH_MAX = 500  # tasks or results in one call: one transaction of well under a second
TASK_DEPTH_MAX = 64  # from a root to what is lowest below it: a spend looks at the budgets of all of them
DEPENDENCIES_MAX = 20_000  # waits of one task for another that one call makes: a join of ten thousand in a few seconds
DEPENDENCIES_SHOWN_MAX = 1_000  # ids of them that a task shows; as many as one may name
PAGE_MAX = 100  # rows of one page
CLAIMS_MAX = 64  # tasks handed out in one call
CLAIM_WAIT_SECONDS_MAX = 30  # longer polls are cut by proxies
VIEWER_ASKED_AGAIN_SECONDS = 60  # how long a live page outlives the end of its viewer's membership, session or key
STREAM_EVENTS_MAX = 10_000  # hot tail of one session in Redis, about 10 MB
CARD_DUE = timedelta(hours=4)  # a card nobody decided by then fails closed; a policy's rule may say otherwise
CARD_REMINDERS = (timedelta(hours=1), timedelta(minutes=15))  # before that; a policy's rule may say otherwise
EARLY_DECISION_KEPT = timedelta(hours=24)  # a decision that came before its question; who decides may say otherwise
EARLY_DECISION_KEPT_MAX = timedelta(days=7)  # what somebody decided longer ago was about another world
EXECUTION_MAX = timedelta(minutes=15)  # an effect of which nobody said by then what came of it counts as paid for
RESUME_DEADLINE = timedelta(hours=24)  # an approved hold waits this long for its task to be claimed again
IDEMPOTENCY_KEPT = timedelta(hours=24)  # as long as a client may still repeat a call
CONCURRENCY_KEY_DEFAULT = 1  # tasks of one concurrency_key that run at once, where no limit says otherwise
FRAME_BYTES_MAX = 256 * 1024  # one WebSocket frame
LOCK_TTL_SECONDS_MAX = 3600  # whoever needs a lock for longer renews it, and so shows that it lives
SCHEDULE_RUNS_KEPT = timedelta(days=90)  # as long as their tasks; at one a minute, 130 000 rows; 30 days at least
SCHEDULE_RUNS_KEPT_LEAST = 100  # of each schedule, however old: a yearly one shows more than nothing
LOCK_KEPT = timedelta(hours=24)  # an ended lock's row, so that its late owner hears what became of it
HEARTBEAT_TTL_SECONDS = 30  # three beats of ten seconds
AGENT_SILENT_SECONDS = 90  # an agent that is not heard of for so long is inactive until it is; nine beats
AGENT_SEEN_SECONDS = 15  # at most so often PostgreSQL hears that an agent lives: 70 rows a second for 1 000
PARTITIONS_AHEAD_MONTHS = 12  # made ahead, so that no write ever waits for housekeeping
PARTITIONS_AHEAD_WARN_MONTHS = 3  # /readyz warns below
RELAY_BATCH = 500  # events read at once by a lane
RETRY_BASE_SECONDS = env.seconds(
    "CHIMERA_RETRY_BASE_SECONDS", 2, most=60
)  # a first retry waits half of it to the whole, each further one twice as long; 0 lets none wait, unless its agent asks
RETRY_MAX_SECONDS = 300  # five minutes: whoever repairs something wants to see it work again
RETRY_AFTER_SECONDS_MAX = 24 * 3600  # what an agent may ask for; a day is as long as any quota lasts
BULK_TASKS_MAX = 500  # tasks that one call cancels, retries or drops, in groups: some 0.3 s
BULK_SECONDS_MAX = 10  # then such a call answers with what it did, though locks held it up; proxies cut it at thirty
PROGRESS_FLUSH_SECONDS = 5

# --- Policy defaults (docs/architecture.md); later versions come from data
CONFIDENCE_PASS = env.ratio("CHIMERA_CONFIDENCE_PASS", "0.90")
CONFIDENCE_REVIEW = env.ratio("CHIMERA_CONFIDENCE_REVIEW", "0.70")
ASSETS = env.words("CHIMERA_ASSETS", "USD,USDC")
ALLOTMENTS_MAX = (
    10_000  # open tasks below one task that have budgets carved out of its own, and are added up for another
)
AMOUNT_USD_MAX = Decimal("1000000000")  # a typing error, not a purchase

# --- Memory
WEAVIATE_URL = SERVERS["WEAVIATE_URL"]  # without it pgvector is asked, and nothing else
WEAVIATE_GRPC_URL = SERVERS["WEAVIATE_GRPC_URL"]
WEAVIATE_API_KEY = SERVERS["WEAVIATE_API_KEY"]
EMBEDDINGS_URL = env.text("CHIMERA_EMBEDDINGS_URL", "")
EMBEDDINGS_KEY = env.text("CHIMERA_EMBEDDINGS_KEY", "")
EMBEDDINGS_MODEL = env.text("CHIMERA_EMBEDDINGS_MODEL", "text-embedding-3-small")
EMBEDDINGS_DIMENSIONS = env.integer("CHIMERA_EMBEDDINGS_DIMENSIONS", 1536, least=1, most=1536)  # what it answers
EMBEDDINGS_SHORTEN = env.flag("CHIMERA_EMBEDDINGS_SHORTEN", False)  # asks for so many, of models that can be shortened
EMBEDDINGS_TOKENS_MAX = env.integer("CHIMERA_EMBEDDINGS_TOKENS_MAX", 8_191, least=256, most=131_072)  # of one text
EMBEDDINGS_CALL_MAX = env.integer("CHIMERA_EMBEDDINGS_CALL_MAX", 128, least=1, most=2_048)  # texts in one call
EMBEDDINGS_QUERY_SECONDS = env.seconds(
    "CHIMERA_EMBEDDINGS_QUERY_SECONDS", 1.5, most=30
)  # of a search's own query; then it goes on by words
EMBEDDINGS_MODEL_BEFORE = env.text("CHIMERA_EMBEDDINGS_MODEL_BEFORE", "")  # still asked for what is not embedded again
EMBEDDINGS_DIMENSIONS_BEFORE = env.integer("CHIMERA_EMBEDDINGS_DIMENSIONS_BEFORE", 1536, least=1, most=1536)

# --- Notifications (docs/adr/0098): webhooks go to public addresses and to these networks; http to these alone
NOTIFY_NETWORKS = env.networks("CHIMERA_NOTIFY_NETWORKS", "")
NOTIFY_RETRY_BASE_SECONDS = env.seconds(
    "CHIMERA_NOTIFY_RETRY_BASE_SECONDS", 10, most=600
)  # before a second try; three times as long before each further one
_MAIL = env.mail_server("CHIMERA_EMAIL_URL")
EMAIL_HOST, EMAIL_PORT, EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _MAIL.host, _MAIL.port, _MAIL.user, _MAIL.password
EMAIL_USE_TLS, EMAIL_USE_SSL = _MAIL.scheme == "smtp+tls", _MAIL.scheme == "smtp+ssl"
EMAIL_TIMEOUT = 10  # seconds that a mail server may take for one answer
DEFAULT_FROM_EMAIL = env.text("CHIMERA_EMAIL_FROM", "Chimera <chimera@localhost>")

PROCRASTINATE_AUTODISCOVER_MODULE_NAME = "housekeeping"
# A receiver that is slow holds up one of these, and not the making of partitions; what went well need not be kept.
PROCRASTINATE_WORKER_DEFAULTS = {"concurrency": 4, "delete_jobs": "successful"}
LOGGING = configuration(level=env.text("CHIMERA_LOG_LEVEL", "INFO"))
DJANGO_STRUCTLOG_USER_ID_FIELD = None

from chimera.console_settings import UNFOLD  # noqa: E402, F401  (the admin's look, a page of its own)
