/* SPDX-License-Identifier: GPL-2.0-only */
/* cpuid= and msr_relaxed= of a configuration. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>
#include <xen/arch-x86/cpufeatureset.h>

#include "config.h"

#define BASE	"name = 'web'\nkernel = '/vmlinuz'\nmemory = 512\n"
#define X8	"xxxxxxxx"
#define HIDES(c, f) zendo_policy_hides(&(c)->policy, XEN_X86_FEATURE_##f)

static struct zendo_error error;

static int load(const char *line, struct zendo_config **ret)
{
	char text[512];
	const struct zendo_config_input in = { .source = "web.cfg", .text = text };
	struct zendo_config_input copy = in;

	copy.len = (size_t)snprintf(text, sizeof(text), BASE "%s", line);
	assert_true(copy.len < sizeof(text));
	memset(&error, 0, sizeof(error));
	return zendo_config_parse(&copy, 1, ret, &error);
}

static struct zendo_config *parse(const char *line)
{
	struct zendo_config *c = NULL;

	if (load(line, &c) != 0)
		fail_msg("%s: %s", line, error.text);
	return c;
}

static void refuse(const char *line, int r, const char *words)
{
	struct zendo_config *c = NULL;

	assert_int_equal(load(line, &c), r);
	if (!strstr(error.text, words))
		fail_msg("'%s' not in '%s'", words, error.text);
	assert_int_equal(error.line, 4);
	assert_true(error.column > 0);
}

static unsigned hidden(const struct zendo_config *c)
{
	unsigned n = 0;

	for (unsigned f = 0; f < HVPRIV_POLICY_WORDS * 32; f++)
		n += zendo_policy_hides(&c->policy, f);
	return n;
}

static void without_it_nothing_is_hidden(void **state)
{
	static const char *const lines[] = { "", "cpuid = 'host'", "cpuid = []", "cpuid = ''", "cpuid = 'host,avx=x,tm=k,sse3=s'" };

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct zendo_config *c = parse(lines[i]);

		assert_int_equal(hidden(c), 0);
		assert_int_equal(c->policy.flags, 0);
		assert_int_equal(c->nr_warnings, 0);
		zendo_config_free(c);
	}
}

static void names_of_features_hide_them(void **state)
{
	static const struct { const char *name; unsigned feature; } names[] = {
		{ "tm", XEN_X86_FEATURE_TM1 }, { "rdrand", XEN_X86_FEATURE_RDRAND }, { "sysenter", XEN_X86_FEATURE_SEP },
		{ "aes", XEN_X86_FEATURE_AESNI }, { "sse4.2", XEN_X86_FEATURE_SSE4_2 }, { "sse4_2", XEN_X86_FEATURE_SSE4_2 },
		{ "avx512-vbmi2", XEN_X86_FEATURE_AVX512_VBMI2 }, { "invtsc", XEN_X86_FEATURE_ITSC }, { "smep", XEN_X86_FEATURE_SMEP },
		{ "3dnowprefetch", XEN_X86_FEATURE_3DNOWPREFETCH }, { "SMAP", XEN_X86_FEATURE_SMAP },
		{ "clzero", XEN_X86_FEATURE_CLZERO }, { "md-clear", XEN_X86_FEATURE_MD_CLEAR }, { "est", XEN_X86_FEATURE_EIST },
		{ "cmpxchg16", XEN_X86_FEATURE_CX16 }, { "lahfsahf", XEN_X86_FEATURE_LAHF_LM }, { "xsaveopt", XEN_X86_FEATURE_XSAVEOPT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct zendo_config *c;
		char line[64];

		(void)snprintf(line, sizeof(line), "cpuid = 'host,%s=0'", names[i].name);
		c = parse(line);
		if (!zendo_policy_hides(&c->policy, names[i].feature))
			fail_msg("%s is not hidden", names[i].name);
		zendo_config_free(c);
	}
}

static void several_are_hidden_and_no_others(void **state)
{
	struct zendo_config *c = parse("cpuid = 'host,tm=0, rdrand=0,rdseed=k'");

	(void)state;
	assert_true(HIDES(c, TM1) && HIDES(c, RDRAND));
	assert_int_equal(hidden(c), 2);
	zendo_config_free(c);
	/* svm_npt is in no leaf that a guest sees */
	c = parse("cpuid = 'host,svm_npt=0,ia64=0,rdcl_no=0'");
	assert_int_equal(hidden(c), 0);
	zendo_config_free(c);
}

static void what_needs_it_goes_too(void **state)
{
	struct zendo_config *c = parse("cpuid = 'host,avx=0'");

	(void)state;
	assert_true(HIDES(c, AVX) && HIDES(c, AVX2) && HIDES(c, FMA) && HIDES(c, XOP) && HIDES(c, VAES));
	assert_true(HIDES(c, AVX512F) && HIDES(c, AVX512BW) && HIDES(c, AVX512_VBMI));
	assert_false(HIDES(c, XSAVE) || HIDES(c, AESNI) || HIDES(c, SSE4_2));
	zendo_config_free(c);
	c = parse("cpuid = 'host,xsave=0'");
	assert_true(HIDES(c, XSAVEOPT) && HIDES(c, AVX2));
	zendo_config_free(c);
	/* said twice by AMD */
	c = parse("cpuid = 'host,pge=0'");
	assert_int_equal(c->policy.hide[0], 1 << 13);
	assert_int_equal(c->policy.hide[2], 1 << 13);
	zendo_config_free(c);
}

static void bad_words_are_refused(void **state)
{
	(void)state;
	refuse("cpuid = 'tm=0'", -EINVAL, "must be 'host'");
	refuse("cpuid = 'host,tn=0'", -EINVAL, "did you mean 'tm'?");
	refuse("cpuid = 'host,avx513f=0'", -EINVAL, "did you mean 'avx512f'?");
	refuse("cpuid = 'host,zzzzzzzzzzzz=0'", -EINVAL, "unknown feature 'zzzzzzzzzzzz'");
	refuse("cpuid = 'host,tm'", -EINVAL, "not feature=value");
	refuse("cpuid = 'host,'", -EINVAL, "not feature=value");
	refuse("cpuid = 'host,tm='", -EINVAL, "must be 0, 1, x, k or s");
	refuse("cpuid = 'host,tm=2'", -EINVAL, "must be 0, 1, x, k or s");
	refuse("cpuid = 'host,tm=00'", -EINVAL, "must be 0, 1, x, k or s");
	refuse("cpuid = 'host,family=6'", -EOPNOTSUPP, "cannot set 'family'");
	refuse("cpuid = 'host,clflush=8'", -EOPNOTSUPP, "cannot set 'clflush'");
	refuse("cpuid = 1", -EINVAL, "wants a string");
}

static void bits_hide_features(void **state)
{
	struct zendo_config *c;

	(void)state;
	c = parse("cpuid = [ '1:ecx=" X8 X8 X8 "xxxxxxx0,edx=xx0" X8 X8 X8 "xxxxx', '0x7,0:ebx=0" X8 X8 X8 "xxxxxxx' ]");
	assert_int_equal(c->policy.hide[1] & 1, 1);
	assert_true(HIDES(c, SSE3) && HIDES(c, TM1) && HIDES(c, AVX512VL));
	assert_true(HIDES(c, SSSE3));		/* needs SSE3 */
	assert_int_equal(c->nr_warnings, 0);
	zendo_config_free(c);
	c = parse("cpuid = [ '0xd,1:eax=" X8 X8 X8 "xxxxxxx0', '0x80000008:ebx=" X8 X8 X8 "xxxxxxx0', '7:edx=0" X8 X8 X8 "xxxxxxx' ]");
	assert_true(HIDES(c, XSAVEOPT) && HIDES(c, CLZERO) && HIDES(c, SSBD));
	assert_int_equal(hidden(c), 3);
	zendo_config_free(c);
	/* bits that stay as they are may be anywhere */
	c = parse("cpuid = [ '0x4,2:eax=" X8 X8 X8 X8 ",ebx=kkkkkkkkssssssss" X8 X8 "' ]");
	assert_int_equal(hidden(c), 0);
	zendo_config_free(c);
}

static void bad_bits_are_refused(void **state)
{
	static const char *const bad[] = {
		"", "x", "1", "1:", "1:ecx", "1:ecx=", "1:ecx=" X8 X8 X8 "xxxxxxx", "1:ecx=" X8 X8 X8 X8 "x", "1:eex=" X8 X8 X8 X8,
		"1:ecx=" X8 X8 X8 X8 ",", "1,:ecx=" X8 X8 X8 X8, "0x100000000:eax=" X8 X8 X8 X8, "-1:eax=" X8 X8 X8 X8,
		"1:ecx=" X8 X8 X8 X8 ";edx=" X8 X8 X8 X8, "1:ecx=" X8 X8 X8 "xxxxxxx2",
	};
	char line[256];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		(void)snprintf(line, sizeof(line), "cpuid = [ '%s' ]", bad[i]);
		refuse(line, -EINVAL, "in 'cpuid'");
	}
	refuse("cpuid = [ 5 ]", -EINVAL, "wants a string");
	refuse("cpuid = [ [] ]", -EINVAL, "wants a string");
	refuse("cpuid = [ '1:eax=0" X8 X8 X8 "xxxxxxx' ]", -EOPNOTSUPP, "can only hide features");
	refuse("cpuid = [ '7,3:ebx=0" X8 X8 X8 "xxxxxxx' ]", -EOPNOTSUPP, "can only hide features");
}

static void nothing_is_gained(void **state)
{
	static const char *const lines[] = { "cpuid = 'host,avx=1'", "cpuid = [ '1:ecx=1" X8 X8 X8 "xxxxxxx' ]" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct zendo_config *c = parse(lines[i]);

		assert_int_equal(hidden(c), 0);
		assert_int_equal(c->nr_warnings, 1);
		assert_non_null(strstr(c->warnings[0].text, "only hides features"));
		zendo_config_free(c);
	}
}

static void msr_relaxed_is_a_flag(void **state)
{
	struct zendo_config *c = parse("msr_relaxed = 1");

	(void)state;
	assert_int_equal(c->policy.flags, HVPRIV_POLICY_MSR_RELAXED);
	zendo_config_free(c);
	c = parse("msr_relaxed = 0");
	assert_int_equal(c->policy.flags, 0);
	zendo_config_free(c);
	refuse("msr_relaxed = 2", -EINVAL, "must be 0 to 1");
}

static void quotas_have_a_range(void **state)
{
	struct zendo_config *c = parse("max_event_channels = 1023\nmax_grant_frames = 32\nmax_maptrack_frames = 16");
	struct json_object *o;

	(void)state;
	assert_int_equal(c->policy.max_event_channels, 1023);
	assert_int_equal(c->policy.max_grant_frames, 32);
	assert_int_equal(c->policy.max_maptrack_frames, 16);
	assert_int_equal(c->nr_warnings, 0);
	assert_int_equal(zendo_config_to_json(c, &o), 0);
	assert_int_equal(json_object_get_int64(json_object_object_get(o, "max_event_channels")), 1023);
	json_object_put(o);
	zendo_config_free(c);
	refuse("max_event_channels = 1", -EINVAL, "must be 2 to 4294967295");
	refuse("max_grant_frames = 0", -EINVAL, "must be 1 to 4294967295");
	/* Xen's files may have more than there is here */
	c = parse("max_event_channels = 131072\nmax_grant_frames = 65\nmax_maptrack_frames = 1024");
	assert_int_equal(c->policy.max_event_channels, 131071);
	assert_int_equal(c->policy.max_grant_frames, 64);
	assert_int_equal(c->policy.max_maptrack_frames, 256);
	assert_int_equal(c->nr_warnings, 3);
	assert_non_null(strstr(c->warnings[2].text, "'max_maptrack_frames' is 1024, 256 is the most there is"));
	zendo_config_free(c);
}

/* What is written as JSON means the same when it is read. */
static void json_tells_it_again(void **state)
{
	struct zendo_config *c = parse("msr_relaxed = 1\ncpuid = 'host,avx=0,rdseed=0,ssbd=0'"), *again;
	struct json_object *o, *list;
	char line[512] = "cpuid = [";

	(void)state;
	assert_int_equal(zendo_config_to_json(c, &o), 0);
	assert_int_equal(json_object_get_int64(json_object_object_get(o, "msr_relaxed")), 1);
	list = json_object_object_get(o, "cpuid");
	assert_true(json_object_array_length(list) > 0);
	for (size_t i = 0; i < json_object_array_length(list); i++)
		(void)snprintf(line + strlen(line), sizeof(line) - strlen(line), "'%s',",
			       json_object_get_string(json_object_array_get_idx(list, i)));
	(void)snprintf(line + strlen(line), sizeof(line) - strlen(line), "]");
	again = parse(line);
	assert_memory_equal(again->policy.hide, c->policy.hide, sizeof(c->policy.hide));
	zendo_config_free(again);
	zendo_config_free(c);
	json_object_put(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_it_nothing_is_hidden), cmocka_unit_test(names_of_features_hide_them),
		cmocka_unit_test(several_are_hidden_and_no_others), cmocka_unit_test(what_needs_it_goes_too),
		cmocka_unit_test(bad_words_are_refused), cmocka_unit_test(bits_hide_features), cmocka_unit_test(bad_bits_are_refused),
		cmocka_unit_test(nothing_is_gained), cmocka_unit_test(msr_relaxed_is_a_flag), cmocka_unit_test(quotas_have_a_range), cmocka_unit_test(json_tells_it_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
