# SPDX-License-Identifier: GPL-2.0-only
# Parts of hvpriv.ko that know nothing of a kernel but what their test brings.
test_grant_race_SANITIZE = -fsanitize=thread
test_grant_race_LIBS = -pthread
