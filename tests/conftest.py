"""Settings for every test: properties are not timed one by one, since machines are shared."""

from hypothesis import settings

settings.register_profile("gram", deadline=None, max_examples=40, derandomize=True)
settings.load_profile("gram")
