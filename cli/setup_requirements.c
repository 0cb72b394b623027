/*
 * setup_requirements.c - what versions and builds of mail servers lack: one table.
 */
#include "cli/setup_plan.h"

const otr_requirement otr_requirements[] = {
    { OTR_EXIM, "-4.93", true, "Exim 4.94 or later",
      "older versions do not know ${readsocket{...}{...}{...:cache=yes}} and refuse this configuration",
      "upgrade Exim" },
    { OTR_EXIM, "no-gnutls,no-openssl", true, "TLS", "this Exim was built without TLS",
      "install a build with TLS (Debian: exim4-daemon-light or exim4-daemon-heavy)" },
    { OTR_EXIM, "no-dane", true, "DANE",
      "this Exim was built without DANE: it refuses hosts_try_dane, and without that line mail to destinations with "
      "TLSA records would wait",
      "install a build with SUPPORT_DANE (Debian: exim4-daemon-light or exim4-daemon-heavy)" },
    { OTR_EXIM, "no-dnssec", true, "DNSSEC", "this Exim was built without DNSSEC: it cannot do DANE",
      "install a build without DISABLE_DNSSEC" },
    { OTR_EXIM, "openssl,no-event", true, "events",
      "Exim with OpenSSL always trusts the system's roots beside those of the answer; only the tls:cert event narrows "
      "that, and this build has no events",
      "install a build with events, or one with GnuTLS" },
    { OTR_EXIM, "openssl", false, "a main option",
      "Exim with OpenSSL agrees to TLS 1.0 and 1.1; what forbids it is a main option, which counts for incoming mail too",
      "openssl_options = +no_sslv2 +no_sslv3 +no_tlsv1 +no_tlsv1_1 +single_dh_use +no_ticket +no_renegotiation" },

    { OTR_POSTFIX, "-3.3", true, "Postfix 3.4 or later",
      "older versions do not know the attribute servername: mail to destinations with an MTA-STS policy would wait",
      "upgrade Postfix" },
    { OTR_POSTFIX, "no-tls", true, "TLS", "this Postfix was built without TLS", "install a build with USE_TLS" },
    { OTR_POSTFIX, "no-socketmap", true, "socketmap",
      "this Postfix has no table type socketmap, through which it asks outriderd",
      "install a build with socketmap (postconf -m lists the types)" },
    { OTR_POSTFIX, "-3.9", false, "enforcement of MX patterns",
      "before 3.10.5 Postfix compares the names that the MTA-STS policy admits with the certificate and not with the "
      "MX host: one admitted host could stand in for another one; any other host is refused",
      "nothing need be done; Postfix 3.10.5 closes it" },
    { OTR_POSTFIX, "3.10-3.10.4", false, "enforcement of MX patterns",
      "before 3.10.5 Postfix compares the names that the MTA-STS policy admits with the certificate and not with the "
      "MX host: one admitted host could stand in for another one; any other host is refused",
      "upgrade to Postfix 3.10.5" },

    { OTR_SENDMAIL, "-8.16", true, "sendmail 8.17 or later", "older versions have no FEATURE(`sts')",
      "upgrade sendmail" },
    { OTR_SENDMAIL, "no-starttls", true, "STARTTLS", "this sendmail was built without TLS",
      "install a build with STARTTLS" },
    { OTR_SENDMAIL, "no-socketmap", true, "SOCKETMAP",
      "this sendmail has no map class socket, through which it asks outriderd", "install a build with SOCKETMAP" },
    { OTR_SENDMAIL, "no-mta-sts", true, "_FFR_MTA_STS", "this sendmail was built without MTA-STS",
      "install a build with _FFR_MTA_STS (Debian's has it)" },
    { OTR_SENDMAIL, "no-dane", false, "DANE",
      "this sendmail cannot do DANE: destinations that have TLSA records and no MTA-STS policy get opportunistic TLS",
      "none for sendmail; Exim and Postfix do DANE" },
    { OTR_SENDMAIL, "8+", false, "roots for each destination",
      "sendmail has one set of roots (confCACERT) for all destinations: anchors rules of outrider.conf have no effect "
      "on it; certificates with a wildcard are refused, and that mail waits",
      "none for sendmail; Exim and Postfix do" },
};
const size_t otr_requirement_count = sizeof(otr_requirements) / sizeof(otr_requirements[0]);
