"""Django as usually deployed, without what the endpoints do not use, but with the usual CommonMiddleware."""

import secrets

DEBUG = False
SECRET_KEY = secrets.token_hex()
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "django_app.urls"
INSTALLED_APPS: list[str] = []
# CommonMiddleware is written for threads. On an event loop, Django runs both halves of it in a thread. It starts a
# thread for each request, switches to it twice, and keeps it until the response is sent. Projects pay that cost for
# any such middleware. Here it is paid too, since the settings are the same for every model.
MIDDLEWARE = ["django.middleware.common.CommonMiddleware", "django_app.wiring.refusal"]
APPEND_SLASH = False
USE_I18N = False
USE_TZ = True
DATA_UPLOAD_MAX_NUMBER_FIELDS = None
# Responses of 4xx are part of the contract, so only failures are logged.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "loggers": {"django": {"handlers": ["stderr"], "level": "ERROR", "propagate": False}},
}
