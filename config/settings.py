"""All settings in one file; every difference between machines comes from the environment (`.env.example`)."""

import os
import re
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import django_stubs_ext
import environ
from django.utils.translation import gettext_lazy as _

from config.queues import QUEUES, WORKER_ROLES
from config.schedules import SCHEDULES
from config.unfold import UNFOLD as UNFOLD  # noqa: PLC0414 -- a setting, read from here
from config.version import VERSION

# ModelAdmin and ModelForm take their model as a type parameter, as the stubs describe.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")
# An empty variable is an unset one: `.env` files list them all.
env.ENVIRON = {name: value for name, value in os.environ.items() if value}

# Everything the running system writes on a machine without services: database, Redis, uploads, mail.
VAR_DIR = Path(env.str("VAR_DIR", default=str(BASE_DIR / "var"))).resolve()

# --- Core -------------------------------------------------------------------------------------------------
DEBUG = env.bool("DEBUG", default=False)
# Known to everybody: a site that others can reach refuses to start with it (config.checks).
INSECURE_SECRET_KEY = "insecure-key-for-development-only"  # noqa: S105 -- it guards nothing
# `manage.py run` makes this file where nobody sets a key.
SECRET_KEY_FILE = VAR_DIR / "secret_key"
SECRET_KEY = env.str("SECRET_KEY", default="") or (
    SECRET_KEY_FILE.read_text().strip() if SECRET_KEY_FILE.is_file() else INSECURE_SECRET_KEY
)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
# Links in mail are built from this address, never from the Host header.
SITE_URL = env.str("SITE_URL", default="http://127.0.0.1:8000").rstrip("/")
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"
# The name of a check that refuses to start, where its reason does not hold here (config.checks).
SILENCED_SYSTEM_CHECKS = env.list("SILENCED_SYSTEM_CHECKS", default=[])
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "config",
    # The basic one leaves the choice of the admin site to config.adminsite.
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "config.adminsite.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "ninja",
    # Before django_rq: its `rqworker` command listens on all queues when none is named.
    "jobs",
    "django_rq",
    "organizations",
    "validations",
    "notifications",
]

MIDDLEWARE = [
    "config.probes.probes_middleware",
    "config.requests.requests_middleware",
    "django.middleware.security.SecurityMiddleware",
    "config.contentpolicy.ContentPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "organizations.middleware.PreferencesMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "organizations.context.organization",
                "notifications.context.unread_count",
            ],
        },
    },
]

# --- Database ---------------------------------------------------------------------------------------------
DATABASE_URL = env.str("DATABASE_URL", default=f"sqlite:///{quote(str(VAR_DIR / 'db.sqlite3'))}")
DATABASES: dict[str, dict[str, Any]] = {"default": environ.Env.db_url_config(DATABASE_URL)}
# Connections to PostgreSQL that the requests of one web process share.
DATABASE_POOL_SIZE = env.int("DATABASE_POOL_SIZE", default=20)
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        # A deferred transaction that begins to write fails under concurrency; IMMEDIATE waits its turn.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": (
            # FULL: what was answered with "accepted" is there after a power loss.
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; "
            "PRAGMA cache_size=-32000; PRAGMA temp_store=MEMORY;"
        ),
    }
else:
    # Of workers and of servers that know no ASGI; config.asgi has a pool.
    DATABASES["default"]["CONN_MAX_AGE"] = env.int("DATABASE_CONN_MAX_AGE_SECONDS", default=60)
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    # A server that vanished without a word (a pulled cable, a failover) is given up after about 25 seconds: the system
    # would wait for a quarter of an hour. What the address says of these goes before.
    DATABASES["default"]["OPTIONS"] = {
        "connect_timeout": 5,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        # Milliseconds.
        "tcp_user_timeout": 15_000,
        **DATABASES["default"].get("OPTIONS", {}),
    }

# --- Redis and queues -------------------------------------------------------------------------------------


def _embedded_redis_socket() -> Path:
    """Where the embedded Redis listens: in var/, or in the temporary folder when that path will not do."""
    inside = VAR_DIR / "redis" / "redis.sock"
    # The kernel's limit for the path of a unix socket is 107 bytes, and Redis shows the path in CLIENT LIST
    # between spaces and equals signs, where its client library cannot read one that has some of its own.
    if len(bytes(inside)) <= 100 and re.fullmatch(r"[\w/.-]+", str(inside), re.ASCII):
        return inside
    return Path(tempfile.gettempdir()) / f"bordereau-{sha256(bytes(VAR_DIR)).hexdigest()[:12]}" / "redis.sock"


EMBEDDED_REDIS_SOCKET = _embedded_redis_socket()
# Without a REDIS_URL the project runs a Redis of its own.
EMBEDDED_REDIS = "REDIS_URL" not in env
REDIS_URL = env.str("REDIS_URL", default=f"unix://{EMBEDDED_REDIS_SOCKET}")
# A request never waits longer than this for Redis; the dispatcher sends later what could not be sent.
REDIS_TIMEOUT_SECONDS = env.float("REDIS_TIMEOUT_SECONDS", default=0.5)

JOBS_QUEUES = QUEUES
JOBS_SCHEDULES = SCHEDULES
# Workers say it of themselves, so that a deploy can be watched.
JOBS_VERSION = VERSION
JOBS_WORKER_ROLES = WORKER_ROLES
RQ_QUEUES = {
    queue.name: {
        "URL": REDIS_URL,
        "SERIALIZER": "rq.serializers.JSONSerializer",
        "DEFAULT_TIMEOUT": queue.timeout_seconds,
    }
    for queue in QUEUES
}
RQ = {
    "WORKER_CLASS": "jobs.workers.Worker",
    "JOB_CLASS": "jobs.transport.HintJob",
    "QUEUE_CLASS": "jobs.transport.HintQueue",
}
# The pages of django-rq ask for is_staff only and clean up Redis while they are shown; those of
# jobs.admin.dashboard replace them.
RQ_SHOW_ADMIN_LINK = False
# A worker that does not renew its lease for this long is taken for dead, and its job is given to another one.
JOBS_LEASE_SECONDS = env.float("JOBS_LEASE_SECONDS", default=20)
# How often each worker looks for jobs that are due, unsent, or lost.
JOBS_TICK_SECONDS = env.float("JOBS_TICK_SECONDS", default=1)
# How long a worker that is asked to stop lets its job go on to the next point where it can be handed back.
JOBS_STOP_SECONDS = env.float("JOBS_STOP_SECONDS", default=25)
# A cancelled job that reaches no checkpoint in this time is interrupted; after the second one its process is killed.
JOBS_CANCEL_STOP_SECONDS = env.float("JOBS_CANCEL_STOP_SECONDS", default=3)
JOBS_CANCEL_KILL_SECONDS = env.float("JOBS_CANCEL_KILL_SECONDS", default=5)

# How long the audit trail is kept; the database deletes no line that is younger than 90 days.
AUDIT_KEEP_DAYS = env.int("AUDIT_KEEP_DAYS", default=730)

# The most jobs that one bulk action touches.
JOBS_BULK_CAP = env.int("JOBS_BULK_CAP", default=10_000)

# --- People -----------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "organizations.User"
AUTHENTICATION_BACKENDS = [
    "organizations.backends.EmailBackend",
    "organizations.backends.MembershipBackend",
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "organizations:home"
LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_ADAPTER = "organizations.adapters.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "organizations.forms.SignInForm",
    "reset_password": "organizations.forms.AskForPasswordForm",
    "reset_password_from_key": "organizations.forms.NewPasswordForm",
    "change_password": "organizations.forms.ChangePasswordForm",
}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_REDIRECT_URL = LOGOUT_REDIRECT_URL
ACCOUNT_LOGIN_ON_PASSWORD_RESET = False
# Whoever guesses is slowed by their address and by the account; `manage.py unlock_sign_in` lets somebody in at once.
ACCOUNT_RATE_LIMITS = {"login_failed": "20/m/ip,5/5m/key"}
PASSWORD_RESET_TIMEOUT = 24 * 3600
MFA_ADAPTER = "organizations.adapters.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_ALLOW_UNVERIFIED_EMAIL = True
# A browser offers passkeys over https, and on this very machine without.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not SITE_URL.startswith("https://")
# Staff of a site behind https open the administration with a second factor only.
STAFF_SECOND_FACTOR = env.bool("STAFF_SECOND_FACTOR", default=SITE_URL.startswith("https://"))
# What is counted and used up at sign-in is known to all processes, with Redis or without.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "organizations_cacheentry",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

# --- Languages and time -----------------------------------------------------------------------------------
LANGUAGES = [("en", _("English")), ("fr", _("French"))]
LANGUAGE_CODE = env.str("LANGUAGE_CODE", default="en")
LOCALE_PATHS = [BASE_DIR / "locale"]
LANGUAGE_COOKIE_SAMESITE = "Lax"
TIME_ZONE = env.str("TIME_ZONE", default="America/Montreal")
USE_I18N = True
USE_TZ = True
USE_THOUSAND_SEPARATOR = True
FORMAT_MODULE_PATH = ["config.formats"]

# --- Files ------------------------------------------------------------------------------------------------
STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = VAR_DIR / "static"
# On one machine the files are served from where they lie; a site behind https collects and compresses them.
WHITENOISE_USE_FINDERS = not SITE_URL.startswith("https://")
MEDIA_ROOT = Path(env.str("MEDIA_ROOT", default=str(VAR_DIR / "media")))
STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "config.storage.DurableFileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
# On the same file system as MEDIA_ROOT, so that storing an upload is a rename and not a copy.
FILE_UPLOAD_TEMP_DIR = str(MEDIA_ROOT / "incoming")
# Also when Django parses a form itself (WSGI, test client), a file comes hashed and on disk.
FILE_UPLOAD_HANDLERS = ["config.uploads.HashedUploadHandler"]
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_500_000
# A form with files has few other fields; the form of a profile has some thirty for each of its columns, up to 200.
UPLOAD_MAX_FIELDS = 100
DATA_UPLOAD_MAX_NUMBER_FIELDS = 8_000
UPLOAD_MAX_BYTES = env.int("UPLOAD_MAX_BYTES", default=2 * 1024**3)
UPLOAD_MAX_FILES = env.int("UPLOAD_MAX_FILES", default=50)
DATA_UPLOAD_MAX_NUMBER_FILES = UPLOAD_MAX_FILES
# A client that sends slower than this is cut off (seconds for the whole body, and without any byte).
UPLOAD_MAX_SECONDS = env.int("UPLOAD_MAX_SECONDS", default=3600)
UPLOAD_IDLE_SECONDS = env.int("UPLOAD_IDLE_SECONDS", default=30)
# What looks for malware before a file is read: empty for nothing, "validations.scanning.clamd", or a function of yours.
UPLOAD_SCANNER = env.str("UPLOAD_SCANNER", default="")
# Of the ClamAV daemon: tcp://HOST:PORT or unix:///PATH.
CLAMD_ADDRESS = env.str("CLAMD_ADDRESS", default="tcp://127.0.0.1:3310")
# Where a run keeps its temporary tables while it is checked: about three times the size of its file.
ENGINE_TEMP_DIR = env.str("ENGINE_TEMP_DIR", default=tempfile.gettempdir())
ENGINE_MEMORY_LIMIT_MB = env.int("ENGINE_MEMORY_LIMIT_MB", default=128)
# A download of more rows than this is made by a worker, with progress and a notice, and kept for so many days.
EXPORT_DIRECT_ROWS = env.int("EXPORT_DIRECT_ROWS", default=5_000)
EXPORT_KEEP_DAYS = env.int("EXPORT_KEEP_DAYS", default=7)
# The profile that a file is checked against when its sender chose none.
DEFAULT_PROFILE = "quebec-medical"

# Files that one person may send in a minute, whatever the organization may send in a day.
UPLOADS_PER_MINUTE = env.int("UPLOADS_PER_MINUTE", default=100)
# What one API key may ask for in a minute; more is answered with 429.
API_REQUESTS_PER_MINUTE = env.int("API_REQUESTS_PER_MINUTE", default=600)

# --- Mail -------------------------------------------------------------------------------------------------
vars().update(
    environ.Env.email_url_config(env.str("EMAIL_URL", default=f"filemail:///{quote(str(VAR_DIR / 'mail'))}"))
)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Bordereau <bordereau@localhost>")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
EMAIL_TIMEOUT = 20

# --- Security ---------------------------------------------------------------------------------------------
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=SITE_URL.startswith("https://"))
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31_536_000 if SECURE_SSL_REDIRECT else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_SSL_REDIRECT
SECURE_HSTS_PRELOAD = SECURE_SSL_REDIRECT
SESSION_COOKIE_SECURE = SECURE_SSL_REDIRECT
CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if env.bool("BEHIND_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# Whoever has it may read /metrics, as `Authorization: Bearer …`; without one, this machine alone may.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")

# --- Logs -------------------------------------------------------------------------------------------------
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "config.logs.LineFormatter"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        "django.server": {"handlers": ["console"], "level": "INFO", "propagate": False},
        # Its warnings quote bytes of the body.
        "python_multipart": {"level": "CRITICAL"},
    },
}
