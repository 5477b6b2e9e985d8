/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config-cpuid.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <xen/arch-x86/cpufeatureset.h>

#include "config-keys.h"

#define F(name)		XEN_X86_FEATURE_##name
#define NO_GUESTS	0xffff		/* a feature that no guest sees */
#define fail_at(e, v, r, ...) zendo_error_at((e), (r), (v)->source, (v)->line, (v)->column, __VA_ARGS__)

/* Xen's own names. */
static const struct name {
	const char *name;
	uint16_t feature;
} features[] = {
#define XEN_CPUFEATURE(name, value) { #name, value },
#include <xen/arch-x86/cpufeatureset.h>
#undef XEN_CPUFEATURE
};

/* What xl.cfg(5) calls otherwise. */
static const struct name aliases[] = {
	{ "aes", F(AESNI) }, { "altmovcr8", F(CR8_LEGACY) }, { "arat", NO_GUESTS }, { "avx512ifma", F(AVX512_IFMA) },
	{ "avx512vbmi", F(AVX512_VBMI) }, { "clfsh", F(CLFLUSH) }, { "cmplegacy", F(CMP_LEGACY) }, { "cmpxchg16", F(CX16) },
	{ "cmpxchg8", F(CX8) }, { "cmt", F(PQM) }, { "cntxid", NO_GUESTS }, { "est", F(EIST) }, { "ia64", NO_GUESTS },
	{ "invtsc", F(ITSC) }, { "lahfsahf", F(LAHF_LM) }, { "nodeid", F(NODEID_MSR) }, { "perfctr_core", NO_GUESTS },
	{ "perfctr_nb", NO_GUESTS }, { "psn", NO_GUESTS }, { "sse4.1", F(SSE4_1) }, { "sse4.2", F(SSE4_2) },
	{ "svm_decode", NO_GUESTS }, { "svm_lbrv", NO_GUESTS }, { "svm_npt", NO_GUESTS }, { "svm_nrips", NO_GUESTS },
	{ "svm_pausefilt", NO_GUESTS }, { "svm_tscrate", NO_GUESTS }, { "svm_vmcbclean", NO_GUESTS }, { "sysenter", F(SEP) },
	{ "tm", F(TM1) },
};

/* xl.cfg(5) sets these to a number. */
static const char *const numbers[] = {
	"apicidsize", "brandid", "clflush", "family", "localapicid", "maxhvleaf", "maxleaf", "model", "nc", "proccount", "procpkg",
	"stepping",
};

/* Where a word of features is; the hypervisor shows no others. */
static const struct {
	uint32_t leaf;
	bool has_subleaf;
	uint8_t subleaf;
	char reg;		/* e?x */
} words[] = {
	{ 0x1, false, 0, 'd' }, { 0x1, false, 0, 'c' }, { 0x80000001, false, 0, 'd' }, { 0x80000001, false, 0, 'c' },
	{ 0xd, true, 1, 'a' }, { 0x7, true, 0, 'b' }, { 0x7, true, 0, 'c' }, { 0x80000007, false, 0, 'd' },
	{ 0x80000008, false, 0, 'b' }, { 0x7, true, 0, 'd' }, { 0x7, true, 1, 'a' }, { 0x80000021, false, 0, 'a' },
};

#define NR(a) (sizeof(a) / sizeof((a)[0]))

/* AMD's leaf 0x80000001 says in EDX again what leaf 1 says (APM vol. 3, appendix E). */
#define SAID_TWICE	0x0183f3ffU

/*
 * The second is of no use, or an undefined state of the CPU, without the first: manuals tell to look for both (SDM vol. 1, 13 to 15;
 * APM vol. 2, 3.2.9 and 11.3). What needs the state of AVX and AVX-512 in XCR0 the hypervisor takes away itself.
 */
static const uint16_t needs[][2] = {
	{ F(FPU), F(MMX) }, { F(FPU), F(FXSR) }, { F(FXSR), F(SSE) }, { F(FXSR), F(FFXSR) }, { F(MMX), F(MMXEXT) }, { F(MMX), F(3DNOW) },
	{ F(3DNOW), F(3DNOWEXT) }, { F(SSE), F(SSE2) }, { F(SSE), F(MISALIGNSSE) }, { F(SSE2), F(SSE3) }, { F(SSE2), F(AESNI) },
	{ F(SSE2), F(PCLMULQDQ) }, { F(SSE2), F(SHA) }, { F(SSE2), F(GFNI) }, { F(SSE3), F(SSSE3) }, { F(SSE3), F(SSE4A) },
	{ F(SSSE3), F(SSE4_1) }, { F(SSE4_1), F(SSE4_2) }, { F(SSE4_2), F(AVX) }, { F(XSAVE), F(AVX) }, { F(XSAVE), F(XSAVEOPT) },
	{ F(XSAVE), F(XSAVEC) }, { F(XSAVE), F(XGETBV1) }, { F(AVX), F(FMA) }, { F(AVX), F(FMA4) }, { F(AVX), F(F16C) },
	{ F(AVX), F(XOP) }, { F(AVX), F(AVX2) }, { F(AVX2), F(AVX512F) }, { F(AVX2), F(VAES) }, { F(AVX2), F(VPCLMULQDQ) },
	{ F(AVX2), F(AVX_VNNI) }, { F(AESNI), F(VAES) }, { F(PCLMULQDQ), F(VPCLMULQDQ) }, { F(AVX512F), F(AVX512DQ) },
	{ F(AVX512F), F(AVX512_IFMA) }, { F(AVX512F), F(AVX512PF) }, { F(AVX512F), F(AVX512ER) }, { F(AVX512F), F(AVX512CD) },
	{ F(AVX512F), F(AVX512BW) }, { F(AVX512F), F(AVX512VL) }, { F(AVX512F), F(AVX512_4VNNIW) }, { F(AVX512F), F(AVX512_4FMAPS) },
	{ F(AVX512F), F(AVX512_VNNI) }, { F(AVX512F), F(AVX512_VPOPCNTDQ) }, { F(AVX512F), F(AVX512_VP2INTERSECT) },
	{ F(AVX512BW), F(AVX512_VBMI) }, { F(AVX512BW), F(AVX512_VBMI2) }, { F(AVX512BW), F(AVX512_BITALG) },
	{ F(AVX512BW), F(AVX512_BF16) }, { F(AVX512BW), F(AVX512_FP16) }, { F(PAE), F(LM) }, { F(LM), F(CX16) }, { F(LM), F(LAHF_LM) },
	{ F(LM), F(PAGE1GB) }, { F(LM), F(FSGSBASE) }, { F(TSC), F(RDTSCP) }, { F(TSC), F(ITSC) }, { F(APIC), F(X2APIC) },
	{ F(IBRSB), F(STIBP) }, { F(IBRSB), F(SSBD) }, { F(IBRS), F(AMD_STIBP) }, { F(IBRS), F(IBRS_ALWAYS) },
	{ F(IBRS), F(IBRS_FAST) }, { F(IBRS), F(IBRS_SAME_MODE) }, { F(AMD_STIBP), F(STIBP_ALWAYS) },
};

bool zendo_policy_hides(const struct hvpriv_policy *p, unsigned feature)
{
	return feature / 32 < HVPRIV_POLICY_WORDS && p->hide[feature / 32] >> feature % 32 & 1;
}

/* Words behind the last are of MSRs and leaves that no guest sees. */
static void hide(struct hvpriv_policy *p, unsigned feature)
{
	if (feature / 32 < HVPRIV_POLICY_WORDS)
		p->hide[feature / 32] |= UINT32_C(1) << feature % 32;
}

static void hide_what_needs_it(struct hvpriv_policy *p)
{
	bool more = true;

	while (more) {
		more = false;
		for (size_t i = 0; i < NR(needs); i++)
			if (zendo_policy_hides(p, needs[i][0]) && !zendo_policy_hides(p, needs[i][1])) {
				hide(p, needs[i][1]);
				more = true;
			}
	}
	p->hide[2] |= p->hide[0] & SAID_TWICE;
}

/* ---- "host,tm=0,sse3=0" ------------------------------------------------------------------------- */

/* Upper and lower case, and - . _ are the same. */
static bool same_name(const char *a, const char *b)
{
	for (; *a && *b; a++, b++) {
		char x = *a == '-' || *a == '.' ? '_' : (char)tolower((unsigned char)*a);
		char y = *b == '-' || *b == '.' ? '_' : (char)tolower((unsigned char)*b);

		if (x != y)
			return false;
	}
	return *a == *b;
}

static bool find(const struct name *list, size_t nr, const char *name, uint16_t *ret)
{
	for (size_t i = 0; i < nr; i++)
		if (same_name(list[i].name, name)) {
			*ret = list[i].feature;
			return true;
		}
	return false;
}

static void near_in(const struct name *list, size_t nr, const char *name, unsigned *best, char ret[static 32])
{
	for (size_t i = 0; i < nr; i++) {
		char word[32];
		unsigned d;

		(void)snprintf(word, sizeof(word), "%s", list[i].name);
		for (char *p = word; *p; p++)
			*p = (char)tolower((unsigned char)*p);
		d = config_word_distance(name, word);
		if (d < *best) {
			*best = d;
			(void)snprintf(ret, 32, "%s", word);
		}
	}
}

static int unknown_feature(const char *name, const struct config_value *v, struct zendo_error *e)
{
	unsigned best = (unsigned)(strlen(name) / 3) + 2;
	char nearest[32] = "";

	near_in(aliases, NR(aliases), name, &best, nearest);
	near_in(features, NR(features), name, &best, nearest);
	if (*nearest)
		return fail_at(e, v, -EINVAL, "unknown feature '%.40s' in 'cpuid', did you mean '%s'?", name, nearest);
	return fail_at(e, v, -EINVAL, "unknown feature '%.40s' in 'cpuid'", name);
}

static int find_feature(const char *name, const struct config_value *v, uint16_t *ret, struct zendo_error *e)
{
	for (size_t i = 0; i < NR(numbers); i++)
		if (strcmp(numbers[i], name) == 0)
			return fail_at(e, v, -EOPNOTSUPP, "'cpuid' cannot set '%s': only features can be changed", name);
	if (find(aliases, NR(aliases), name, ret) || find(features, NR(features), name, ret))
		return 0;
	return unknown_feature(name, v, e);
}

/* x, k and s leave a bit as it is. True: that is what it is. */
static bool value_is_known(char c)
{
	return c && strchr("01xks", c);
}

static int get_word(struct hvpriv_policy *p, char *word, const struct config_value *v, bool *on, struct zendo_error *e)
{
	char *value = strchr(word, '=');
	uint16_t feature;
	int r;

	if (!value)
		return fail_at(e, v, -EINVAL, "'%.40s' in 'cpuid' is not feature=value", word);
	*value++ = '\0';
	r = find_feature(word, v, &feature, e);
	if (r < 0)
		return r;
	if (!value_is_known(value[0]) || value[1])
		return fail_at(e, v, -EINVAL, "'%.40s=%.40s' in 'cpuid' must be 0, 1, x, k or s", word, value);
	if (value[0] == '0')
		hide(p, feature);
	*on |= value[0] == '1';
	return 0;
}

static int get_words(struct hvpriv_policy *p, const struct config_value *v, bool *on, struct zendo_error *e)
{
	_cleanup_free_ char *copy = strdup(v->string);
	char *rest = copy, *word;
	int r = 0;

	if (!copy)
		return zendo_error(e, -ENOMEM, "out of memory");
	word = strsep(&rest, ",");
	if (strcmp(word, "host") != 0)
		return fail_at(e, v, -EINVAL, "the first word of 'cpuid' must be 'host'");
	while (r >= 0 && (word = strsep(&rest, ",")))
		r = get_word(p, word + strspn(word, " "), v, on, e);
	return r;
}

/* ---- "0x1:ecx=xxx...,edx=xxx..." ----------------------------------------------------------------- */

/* -1: there are no features. */
static int find_word(uint32_t leaf, bool has_subleaf, uint32_t subleaf, char reg)
{
	for (size_t i = 0; i < NR(words); i++)
		if (words[i].leaf == leaf && words[i].reg == reg && (has_subleaf ? words[i].subleaf == subleaf : !words[i].subleaf))
			return (int)i;
	return -1;
}

static bool get_number(const char **s, uint32_t *ret)
{
	unsigned long long n;
	char *end;

	if (!isdigit((unsigned char)**s))
		return false;
	errno = 0;
	n = strtoull(*s, &end, 0);
	*s = end;
	*ret = (uint32_t)n;
	return !errno && n <= UINT32_MAX;
}

/* 32 letters, the first for bit 31. */
static int get_bits(struct hvpriv_policy *p, int word, const char *reg, const struct config_value *v, bool *on, struct zendo_error *e)
{
	const char *bits = reg + 4;

	for (unsigned i = 0; i < 32; i++) {
		if (!value_is_known(bits[i]))
			return fail_at(e, v, -EINVAL, "'%.3s' in 'cpuid' needs 32 of 0, 1, x, k or s", reg);
		if (bits[i] == '0' && word < 0)
			return fail_at(e, v, -EOPNOTSUPP, "'cpuid' can only hide features, and there are none in '%.50s'", v->string);
		if (bits[i] == '0')
			p->hide[word] |= UINT32_C(1) << (31 - i);
		*on |= bits[i] == '1';
	}
	return 0;
}

static int get_leaf(struct hvpriv_policy *p, const struct config_value *v, bool *on, struct zendo_error *e)
{
	uint32_t leaf, subleaf = 0;
	const char *s = v->string;
	bool has_subleaf;
	int r = 0;

	if (v->kind != CONFIG_STRING)
		return fail_at(e, v, -EINVAL, "'cpuid' wants a string, or a list of strings");
	if (!get_number(&s, &leaf))
		goto bad;
	has_subleaf = *s == ',';
	if (has_subleaf && (s++, !get_number(&s, &subleaf)))
		goto bad;
	if (*s != ':')
		goto bad;
	do {
		s++;
		s += strspn(s, " \n");
		if (s[0] != 'e' || !s[1] || !strchr("abcd", s[1]) || s[2] != 'x' || s[3] != '=' || strcspn(s, ",") != 4 + 32)
			goto bad;
		r = get_bits(p, find_word(leaf, has_subleaf, subleaf, s[1]), s, v, on, e);
		s += 4 + 32;
	} while (r >= 0 && *s);
	return r;
bad:
	return fail_at(e, v, -EINVAL, "'%.50s' in 'cpuid' is not leaf[,subleaf]:reg=bits[,reg=bits], where reg is eax to edx and bits "
			 "are 32 of 0, 1, x, k or s", v->string);
}

int config_get_cpuid(struct hvpriv_policy *p, const struct config_value *v, struct zendo_error *e)
{
	bool on = false;
	int r = 0;

	if (v->kind == CONFIG_NUMBER)
		return fail_at(e, v, -EINVAL, "'cpuid' wants a string, or a list of strings");
	if (v->kind == CONFIG_STRING && v->len > 0)
		r = get_words(p, v, &on, e);
	for (size_t i = 0; v->kind == CONFIG_LIST && i < v->nr_items && r >= 0; i++)
		r = get_leaf(p, &v->items[i], &on, e);
	if (r < 0)
		return r;
	hide_what_needs_it(p);
	return on;
}

bool config_cpuid_format(const struct hvpriv_policy *p, unsigned word, struct config_cpuid_text *ret)
{
	char bits[33] = "", subleaf[8] = "";

	if (word >= NR(words) || !p->hide[word])
		return false;
	for (unsigned i = 0; i < 32; i++)
		bits[i] = p->hide[word] >> (31 - i) & 1 ? '0' : 'x';
	if (words[word].has_subleaf)
		(void)snprintf(subleaf, sizeof(subleaf), ",%u", words[word].subleaf);
	(void)snprintf(ret->text, sizeof(ret->text), "0x%" PRIx32 "%s:e%cx=%s", words[word].leaf, subleaf, words[word].reg, bits);
	return true;
}
