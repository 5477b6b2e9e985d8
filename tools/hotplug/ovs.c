/* SPDX-License-Identifier: GPL-2.0-only */
#include "ovs.h"

#include <stdio.h>
#include <string.h>

#define MARK	"zendo-device"

const char *const ovs_list_ports[] = {
	OVS_VSCTL, "--timeout=10", "--format=csv", "--no-headings", "--columns=name,external_ids", "list", "Port", NULL
};

static void write_trunks(const struct zendo_vif *v, struct ovs_command *c)
{
	size_t len = (size_t)snprintf(c->trunks, sizeof(c->trunks), "trunks=");

	for (unsigned i = 0; i < v->nr_trunks; i++)
		len += (size_t)snprintf(c->trunks + len, sizeof(c->trunks) - len, "%s%u", i ? "," : "", v->trunks[i]);
}

/* With both the tag is that of what the guest sends without one: without vlan_mode the trunks would be forgotten. */
void ovs_add_port(const struct zendo_vif *v, const char *bridge, const char *ifname, const char *device, const char *mac, bool replace,
		  struct ovs_command *ret)
{
	unsigned n = 0;

	*ret = (struct ovs_command) {};
	(void)snprintf(ret->tag, sizeof(ret->tag), "tag=%u", v->vlan);
	(void)snprintf(ret->mark, sizeof(ret->mark), "external_ids:" MARK "=%s", device);
	(void)snprintf(ret->mac, sizeof(ret->mac), "external_ids:attached-mac=\"%s\"", mac);
	write_trunks(v, ret);
	ret->args[n++] = OVS_VSCTL;
	ret->args[n++] = "--timeout=10";
	if (replace) {
		ret->args[n++] = "--";
		ret->args[n++] = "del-port";
		ret->args[n++] = ifname;
	}
	ret->args[n++] = "--";
	ret->args[n++] = "add-port";
	ret->args[n++] = bridge;
	ret->args[n++] = ifname;
	if (v->vlan)
		ret->args[n++] = ret->tag;
	if (v->nr_trunks)
		ret->args[n++] = ret->trunks;
	if (v->vlan && v->nr_trunks)
		ret->args[n++] = "vlan_mode=native-untagged";
	if (v->isolated)
		ret->args[n++] = "protected=true";
	ret->args[n++] = ret->mark;
	ret->args[n++] = "--";
	ret->args[n++] = "set";
	ret->args[n++] = "Interface";
	ret->args[n++] = ifname;
	ret->args[n++] = ret->mac;
}

bool ovs_name_is_plain(const char *name)
{
	return *name != '-' && name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")] == '\0';
}

/* 'vif1.0,"{other=x, zendo-device=vif-1-0}"': quotes where CSV needs them, and some more around words that could be something else. */
static bool read_line(char *line, const char **port, const char **device)
{
	char *ids = strchr(line, ','), *value, *end;

	if (!ids)
		return false;
	*ids++ = '\0';
	line += strspn(line, "\"");
	line[strcspn(line, "\"")] = '\0';
	value = strstr(ids, MARK "=");
	if (!value || value == ids || !strchr("{ ", value[-1]))
		return false;
	value += strlen(MARK "=");
	end = value + strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789-");
	if (end == value || (*end != ',' && *end != '}'))
		return false;
	*end = '\0';
	*port = line;
	*device = value;
	return true;
}

bool ovs_next_port(char **text, const char **port, const char **device)
{
	char *line, *end;

	while (*(line = *text)) {
		end = line + strcspn(line, "\n");
		*text = *end ? end + 1 : end;
		*end = '\0';
		if (read_line(line, port, device))
			return true;
	}
	return false;
}
