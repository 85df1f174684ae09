"""Django as one deploys it, less what the endpoints do not use, but with the CommonMiddleware that projects have."""

import secrets

DEBUG = False
SECRET_KEY = secrets.token_hex()
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "django_app.urls"
INSTALLED_APPS: list[str] = []
# CommonMiddleware is written for threads. On an event loop Django runs both halves of it in one: a thread is begun for
# each request, which goes there and back, and there again, and it stays until the answer is sent. A project pays that
# for any middleware of the kind; it is paid here too, since the settings are the same for every model.
MIDDLEWARE = ["django.middleware.common.CommonMiddleware", "django_app.wiring.refusal"]
APPEND_SLASH = False
USE_I18N = False
USE_TZ = True
DATA_UPLOAD_MAX_NUMBER_FIELDS = None
# Answers of 4xx are part of the contract and not worth a line each; failures are.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "loggers": {"django": {"handlers": ["stderr"], "level": "ERROR", "propagate": False}},
}
