"""What the fields of some DNS providers are, in our words: where it is made, which right it needs.

For those that homes use; of all others lexicon's own words are told. What is said of a provider is
what its pages say, linked above it, and what lexicon does with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

# By provider and option, as lexicon calls them. Half a sentence: it comes after a colon or in
# brackets. The integration's `selector.dns_fields` has the same words, and other languages'.
OURS: Final[Mapping[str, Mapping[str, str]]] = {
    # https://www.duckdns.org/spec.jsp
    "duckdns": {
        "auth_token": "it stands at the top of duckdns.org once you have signed in there; it may"
        " change all your names",
    },
    # https://developers.cloudflare.com/fundamentals/api/get-started/create-token/
    "cloudflare": {
        "auth_username": "leave it empty with an API token; the e-mail address of the account goes"
        " with the Global API Key alone, which may do everything",
        "auth_token": "an API token with the rights Zone > Zone > Read and Zone > DNS > Edit, made"
        " at dash.cloudflare.com under My Profile > API Tokens",
        "zone_id": "for a token that may use one zone alone: the Zone ID on the zone's Overview",
    },
    # https://docs.hetzner.com/cloud/api/getting-started/generating-api-token/
    "hetzner": {
        "auth_token": "an API token with Read & Write, made at console.hetzner.com in the project"
        " that has the zone, under Security > API tokens",
    },
    # https://help.ovhcloud.com/csm/en-api-getting-started-ovhcloud-api
    "ovh": {
        "auth_entrypoint": "ovh-eu for an account in Europe, ovh-ca for one in Canada",
        "auth_application_key": "made, with the two that follow, at eu.api.ovh.com/createToken (in"
        " Canada at ca.api.ovh.com/createToken) with GET, PUT, POST and DELETE on /domain/*",
        "auth_application_secret": "comes with the application key",
        "auth_consumer_key": "comes with them; choose Unlimited as its validity, or renewals fail"
        " when it ends",
    },
    # https://api.gandi.net/docs/authentication/
    "gandi": {
        "auth_token": "a Personal Access Token that may manage the technical configuration of"
        " domains, made at admin.gandi.net in the settings of your account; it ends some day, and"
        " renewals fail until you give another",
        "api_protocol": "rest; leave it empty only for a key of the old interface (RPC)",
    },
    # https://docs.digitalocean.com/reference/api/create-personal-access-token/
    "digitalocean": {
        "auth_token": "a Personal Access Token with the scopes create, read, update and delete of"
        " domain, made at cloud.digitalocean.com under API > Tokens",
    },
    # https://docs.aws.amazon.com/Route53/latest/APIReference/API_Operations.html
    "route53": {
        "auth_access_key": "the access key ID of an IAM user who may call"
        " route53:ListHostedZonesByName, and for the zone route53:GetHostedZone,"
        " route53:ListResourceRecordSets and route53:ChangeResourceRecordSets",
        "auth_access_secret": "the secret access key that comes with it",
        "private_zone": "false where a private zone has the same name; else leave it empty",
        "zone_id": "the ID of the hosted zone where several have the name; else leave it empty",
        "auth_username": "leave it empty: another field for the access key ID",
        "auth_token": "leave it empty: another field for the secret access key",
    },
    # https://developer.godaddy.com/getstarted
    "godaddy": {
        "auth_key": "a key for Production, made at developer.godaddy.com/keys; GoDaddy lets only"
        " accounts with ten domains or more, or in its Discount Domain Club, change the DNS by it",
        "auth_secret": "the secret that comes with the key",
    },
    # https://www.namecheap.com/support/api/intro/, and lexicon's own warning
    "namecheap": {
        "auth_token": "the API key, made at namecheap.com under Profile > Tools > API Access, where"
        " the public IPv4 address of your home has to be on the list; each change writes all"
        " records of the domain anew, and kinds that its API does not know, such as SRV, get lost",
        "auth_username": "your user name at Namecheap",
    },
    # https://porkbun.com/api/json/v3/documentation
    "porkbun": {
        "auth_key": "made at porkbun.com/account/api; in the domain's details API Access has to"
        " be on",
        "auth_secret": "the secret key that comes with it",
    },
    # RFC 2136 and RFC 8945
    "ddns": {
        "auth_token": "the TSIG key whose updates the server takes, as ALGORITHM:NAME:SECRET, such"
        " as hmac-sha256:housekey:c2VjcmV0; it has to be allowed to write TXT records",
        "ddns_server": "the IP address of the server that takes the updates; its name will not do",
    },
}
