/* SPDX-License-Identifier: GPL-2.0-only */
#include "net.h"

#include <inttypes.h>

/* Names and addresses were checked when they were read: nothing in them needs quotes. */

/* What is for guests. Before all rules of the next kind: one network's guests do not reach another's either. */
static void inward_rules(FILE *f, const struct zendo_network *n)
{
	fprintf(f, "\t\tiifname \"%s\" oifname \"%s\" accept\n", n->name, n->name);
	fprintf(f, "\t\toifname \"%s\" ct state established,related accept\n", n->name);
	fprintf(f, "\t\toifname \"%s\" reject\n", n->name);
}

/* What comes from guests. */
static void outward_rules(FILE *f, const struct zendo_network *n)
{
	char text[ZENDO_NETWORK_TEXT_MAX];

	fprintf(f, "\t\tiifname \"%s\" ip saddr %s accept\n", n->name, zendo_network_subnet(n, text));
	if (n->has_ipv6)
		fprintf(f, "\t\tiifname \"%s\" ip6 saddr %s/64 accept\n", n->name, zendo_network_ipv6(n, text));
	fprintf(f, "\t\tiifname \"%s\" drop\n", n->name);
}

static void nat_rules(FILE *f, const struct zendo_network *n)
{
	char text[ZENDO_NETWORK_TEXT_MAX];

	fprintf(f, "\t\toifname != \"%s\" ip saddr %s masquerade\n", n->name, zendo_network_subnet(n, text));
	if (n->has_ipv6)
		fprintf(f, "\t\toifname != \"%s\" ip6 saddr %s/64 masquerade\n", n->name, zendo_network_ipv6(n, text));
}

static void for_each(FILE *f, const struct zendo_network *all, size_t nr, void (*write)(FILE *f, const struct zendo_network *n))
{
	for (size_t i = 0; i < nr; i++)
		if (all[i].prefix)
			write(f, &all[i]);
}

void files_write_rules(FILE *f, const struct zendo_network *all, size_t nr)
{
	fputs("table inet zendo\ndelete table inet zendo\n", f);	/* nft knows no 'delete if it is there' everywhere */
	if (!nr)
		return;
	fputs("table inet zendo {\n\tchain forward {\n\t\ttype filter hook forward priority filter; policy accept;\n", f);
	for_each(f, all, nr, inward_rules);
	for_each(f, all, nr, outward_rules);
	fputs("\t}\n\tchain postrouting {\n\t\ttype nat hook postrouting priority srcnat; policy accept;\n", f);
	for_each(f, all, nr, nat_rules);
	fputs("\t}\n}\n", f);
}

void files_write_dnsmasq(FILE *f, const struct zendo_network *n)
{
	uint32_t last = (1U << (32 - n->prefix)) - 2;	/* the last but broadcast */
	char a[ZENDO_NETWORK_TEXT_MAX], b[ZENDO_NETWORK_TEXT_MAX];

	fprintf(f, "# network %s of zendo's guests: made anew at each start\n", n->name);
	/* only there, also when others serve other interfaces */
	fprintf(f, "interface=%s\nexcept-interface=lo\nbind-dynamic\n", n->name);
	fprintf(f, "pid-file=" ZENDO_NETWORK_RUN "/%s.pid\ndhcp-leasefile=" ZENDO_NETWORK_LIB "/%s.leases\n", n->name, n->name);
	/* dom0's own names are not the guests' business; short names and private addresses are not asked for outside */
	fputs("no-hosts\ndomain-needed\nbogus-priv\n", f);
	fprintf(f, "dhcp-range=%s,%s,1h\ndhcp-lease-max=%" PRIu32 "\ndhcp-authoritative\ndhcp-no-override\n", zendo_network_address(n, 2, a),
		zendo_network_address(n, last, b), last - 1);
	if (n->has_ipv6)
		fprintf(f, "enable-ra\ndhcp-range=%s,ra-stateless,64,1h\n", zendo_network_ipv6(n, a));
}
