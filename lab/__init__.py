"""The lab: a whole mail internet on one machine, in namespaces of its own.

scenarios.py is the table of destinations; everything else makes it come true: zones.py and certs.py produce its
DNS and certificates, nameservers.py, policyhost.py and mxhost.py serve them, exim.py and postfix.py send mail to it,
world.py puts all of that together. namespace.py keeps it away from the rest of the machine.
"""
