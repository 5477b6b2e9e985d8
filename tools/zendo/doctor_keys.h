/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZENDO_DOCTOR_KEYS_H
#define ZENDO_DOCTOR_KEYS_H

#include <stdbool.h>

struct finding;

/* DKMS makes a key when openssl is there while it builds, and signs what it builds from then on */
#define DOCTOR_SIGN	"/usr/lib/zendo-dkms/modules remove; /usr/lib/zendo-dkms/modules build-all"
#define DOCTOR_MAKE_KEY	"apt install openssl mokutil; " DOCTOR_SIGN
/* shim's GUID; four bytes of attributes come first */
#define DOCTOR_MOK_LIST	"/sys/firmware/efi/efivars/MokListRT-605dab50-e046-4300-abb6-3dd810dd8b23"

/* The certificate (DER) of the key that DKMS signs with: what its configuration below @folder names, or where it makes one. */
const char *doctor_dkms_key(const char *folder);
#define DOCTOR_DKMS_CONF	"/etc/dkms"

enum key_state { KEY_NONE, KEY_NOT_ENROLLED, KEY_ENROLLED, KEY_UNKNOWN };

/* Whether the certificate in the file @key is one of those in the variable @list. */
enum key_state doctor_key_state(const char *list, const char *key);

enum signature { SIGNATURE_UNKNOWN, SIGNATURE_NONE, SIGNATURE_OURS, SIGNATURE_OTHER };

/* Whether hvpriv as it is installed for a kernel is signed, and with the key of the certificate @key. */
enum signature doctor_signature(const char *release, const char *key);

/* Whether @serial, as modinfo prints it of who has signed ("59:11:7A"), is the number of the certificate in the file @key. */
bool doctor_key_has_serial(const char *key, const char *serial);

void check_signatures(struct finding *f);

#endif
