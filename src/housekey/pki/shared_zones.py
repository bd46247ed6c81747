"""Names that belong to more than one home, and so never to one house's constraints.

A constraint on a DNS name covers everything below it (RFC 5280 4.2.1.10), and no
spelling covers the host alone on every platform (NC-03). Permitting `duckdns.org`
would let a stolen issuing key speak for every other home there (NC-16); permitting
`com`, for half the web.

A bare host name (`myserver`) is a single label, too, and legitimate: it is refused
only where the public DNS has a zone of that name. Of two-letter labels that is the
countries' (RFC 1591, ISO 3166): `ha` and `pi` are none, and many a home's host. Of the
more than a thousand other top-level domains the lists below hold the classic ones
and those that also make a likely host name; the full list changes by the month,
and what it would add are zones that no home's host is called.
"""

from __future__ import annotations

# Top-level domains of more than two letters, from general knowledge of the root zone.
_TOP_LEVEL = frozenset(
    """
    aero arpa asia biz cat com coop edu gov info int jobs mil mobi museum name net onion org post
    pro tel travel xxx
    academy agency app art audio auto band bar best bike bio black blog blue book boo box broker
    build builders business buzz cab cafe cam camera camp car cards care cars casa cash center
    charity chat church city click clinic cloud club coach codes coffee college community company
    computer contact cool country credit cricket day deal deals delivery design dev diamonds diet
    digital direct directory dog domains download earth eco education email energy engineer
    estate events exchange expert express fail faith family fan farm fashion film finance fire
    fish fit fitness flights food foo forum foundation free frl fun fund fyi gallery game games
    garden gay gift gifts glass global gmbh gold golf google graphics gratis green gripe group
    guide guitars guru hair haus health help hiphop holiday horse hospital host hosting hot hotel
    house how icu immo ing ink institute insure international land law lease legal lgbt life
    lighting limited limo link live living loan lol love ltd luxury market marketing mba media
    meet meme memorial menu mobile moda moe mom money monster mov movie network new news ngo
    ninja now observer one ong online ooo page parts party pet phone photo photos pics pictures
    pink pizza place plumbing plus poker porn press prime productions promo properties property
    pub quest racing radio realty recipes red rehab rent rentals repair report republican rest
    restaurant review reviews rip rocks rodeo room rsvp run safe sale salon save school science
    search secure security select services sex sexy shop shopping show singles site ski skin
    smart soccer social software solar solutions space spot store stream studio study style
    supplies supply support surf surgery systems talk tax taxi team tech technology tennis theater
    tips tires today tools top tours town toys trade trading training tube university vacations
    ventures vet video villas vip vision vote voyage wang watch watches weather webcam website
    wedding wiki win wine work works world wow wtf xyz yoga you zero zip zone
    bayern berlin hamburg koeln cologne tirol wien paris london nyc tokyo
    """.split()  # noqa: SIM905 - a word list is read as one
)

# The countries' top-level domains, from general knowledge of the root zone.
_COUNTRIES = frozenset(
    """
    ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs
    bt bw by bz ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee
    eg er es et eu fi fj fk fm fo fr ga gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm
    hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb
    lc li lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz
    na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs
    ru rw sa sb sc sd se sg sh si sj sk sl sm sn so sr ss st su sv sx sy sz tc td tf tg th tj tk
    tl tm tn to tr tt tv tw tz ua ug uk us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw
    """.split()  # noqa: SIM905 - a word list is read as one
)

# Second-level categories that countries sell names under (co.uk, com.au, or.at, gov.br).
_CATEGORIES = frozenset(
    """
    ac asso co com edu gen go gob gouv gov gv id ind info mil my ne net nom or org priv sch web
    """.split()  # noqa: SIM905 - a word list is read as one
)

# Zones of dynamic DNS, tunnels and the like, in which every customer gets a name.
_SHARED = frozenset(
    """
    duckdns.org dedyn.io dynv6.net duia.eu freedns.org mooo.com chickenkiller.com us.to
    dynu.net dynu.com ddnsfree.com ddnsgeek.com giize.com gleeze.com kozow.com loseyourip.com
    ooguy.com theworkpc.com accesscam.org camdvr.org casacam.net freeddns.org mywire.org
    webredirect.org myddns.rocks
    ddns.net no-ip.org no-ip.biz no-ip.info noip.me noip.com hopto.org hopto.me zapto.org
    sytes.net servebeer.com serveftp.com servehttp.com serveblog.net servegame.com redirectme.net
    bounceme.net myftp.org myftp.biz myvnc.com onthewifi.com webhop.me 3utilities.com gotdns.ch
    access.ly
    dyndns.org dyndns.info dyndns.tv dyndns.biz homeip.net homeunix.com homelinux.org homeftp.net
    dyn-ip24.de dyndns1.de ddnss.de ddnss.org dyn.ddnss.de home-webserver.de goip.de spdns.de
    spdns.org spdns.eu selfhost.eu selfhost.de selfhost.bz my-wan.de my-gateway.de my-router.de
    securepoint.de firewall-gateway.de firewall-gateway.com feste-ip.net ipv64.net ipv64.de
    myfritz.net myfritz.link synology.me diskstation.me dscloud.me dscloud.biz i234.me dsmynas.com
    familyds.com myds.me quickconnect.to direct.quickconnect.to myqnapcloud.com mycloudnas.com
    asuscomm.com tplinkdns.com mynetname.net keenetic.pro keenetic.link keenetic.name
    ts.net beta.tailscale.net netbird.cloud nabu.casa ui.nabu.casa
    nip.io sslip.io xip.io traefik.me plex.direct
    ngrok.io ngrok.app ngrok-free.app trycloudflare.com cfargotunnel.com loca.lt pagekite.me
    afraid.org changeip.com dnsalias.com dnsalias.org changeip.org ydns.eu
    github.io gitlab.io pages.dev workers.dev netlify.app vercel.app
    """.split()  # noqa: SIM905 - a word list is read as one
)


def shared_by_many(name: str) -> str | None:
    """Why a constraint on `name` (lower-case A-labels) would cover strangers; None if it does not.

    A parent of a shared zone is refused with it.
    """
    labels = name.split(".")
    if len(labels) == 1 and name in _COUNTRIES | _TOP_LEVEL:
        return f"{name!r} is a public top-level domain, and every name under it would be covered"
    if len(labels) == 2 and len(labels[1]) == 2 and labels[0] in _CATEGORIES:
        return f"everybody in that country can have a name under {name!r}"
    if any(zone == name or zone.endswith(f".{name}") for zone in _SHARED):
        return f"other homes have names under {name!r}, too"
    return None
