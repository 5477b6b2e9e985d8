/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZENDO_DOCTOR_KEYS_H
#define ZENDO_DOCTOR_KEYS_H

struct finding;

#define DOCTOR_DKMS_KEY	"/var/lib/dkms/mok.pub"
/* DKMS makes a key when openssl is there while it builds */
#define DOCTOR_MAKE_KEY	"apt install openssl mokutil; /usr/lib/zendo-dkms/modules remove; /usr/lib/zendo-dkms/modules build-all"
/* shim's GUID; four bytes of attributes come first */
#define DOCTOR_MOK_LIST	"/sys/firmware/efi/efivars/MokListRT-605dab50-e046-4300-abb6-3dd810dd8b23"

enum key_state { KEY_NONE, KEY_NOT_ENROLLED, KEY_ENROLLED, KEY_UNKNOWN };

/* Whether the certificate in the file @key is one of those in the variable @list. */
enum key_state doctor_key_state(const char *list, const char *key);

void check_signatures(struct finding *f);

#endif
