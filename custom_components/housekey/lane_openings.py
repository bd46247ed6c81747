"""What the device lane lets through in plain, path by path, and what it does not, with reasons.

Home Assistant serves some paths to whoever knows them: the path itself, a `?token=` or a signature
in the query (`authSig`) is the secret. Devices that know no root fetch just these: a speaker its
speech, a television its film, a doorbell its event. Read in the source of 2026.7.4 and 2026.11.0:
every `HomeAssistantView` with `requires_auth = False`, every media source whose `PlayMedia` is a
path of Home Assistant itself (`async_process_play_media_url` signs these and hands them to
players), and every static path. `tests/lane` holds this table against both sources.

**A signature alone opens nothing here.** `auth/sign_path` signs any path for whoever is signed in,
`/api/states` and a backup's download too, and what answers a signed path answers it in plain. So
the path must be one that Home Assistant gives to players; any other signed path goes to HTTPS.

`docs/lane.md` shows this table. No I/O, and nothing of Home Assistant is imported.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum

_READ = ("GET", "HEAD")
_VARIABLE = re.compile(r"\{([a-z_]+)(\*?)\}")


class Secret(StrEnum):
    """Why knowing the URL is enough to be served."""

    PATH = "a random part of the path"
    TOKEN = "a token or a signature in the query"  # noqa: S105 - a word for people
    SIGNATURE = "a signature in the query"
    NONE = "none: public in Home Assistant too"


@dataclass(frozen=True, slots=True)
class Opening:
    """One path that is let through.

    `{name}` stands for one segment of the path, or a part of it; `{name*}` for all that follows.
    HEAD goes wherever GET does: some renderers ask first, and it tells less.
    """

    path: str
    secret: Secret
    who: str  # fetches it
    why: str  # the URL alone is the secret, in words for people
    source: str  # inside the homeassistant package, in 2026.7.4 and 2026.11.0 unless it says so
    methods: tuple[str, ...] = _READ
    route: str = ""  # how Home Assistant's router names it, where that is not the path itself
    _pattern: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        pattern, end = "", 0
        for variable in _VARIABLE.finditer(self.path):
            part = ".+" if variable[2] else "[^/{}]+"
            pattern += f"{re.escape(self.path[end : variable.start()])}(?P<{variable[1]}>{part})"
            end = variable.end()
        pattern += re.escape(self.path[end:])
        object.__setattr__(self, "_pattern", re.compile(pattern))
        if not self.route:
            object.__setattr__(self, "route", self.path.replace("*}", "}"))

    def match(self, path: str) -> dict[str, str] | None:
        """The variables of a decoded path, or None if it is another path."""
        found = self._pattern.fullmatch(path)
        return None if found is None else found.groupdict()


@dataclass(frozen=True, slots=True)
class Closed:
    """A path that Home Assistant serves without a login, and that the lane does not let through."""

    path: str
    why: str
    source: str


WEBHOOK = Opening(
    "/api/webhook/{webhook_id}",
    Secret.PATH,
    "doorbells, cameras, locks, weather stations, buttons, programs in the house",
    "the ID is 64 random digits (`webhook.async_generate_id`), or what the user chose. Those of"
    " the companion app go to HTTPS instead: whoever knows one can control the home, and phones"
    " have the root",
    "components/webhook/__init__.py: WebhookView",
    methods=("GET", "HEAD", "POST", "PUT"),
)

_SIGNED = "Home Assistant signs the path for 24 hours when it hands it to a player"
_PLAYERS = "speakers, televisions and programs that play media"
_STREAM = "televisions and displays that show a camera"
_STREAM_WHY = "the token is 64 random digits, new when the stream starts"
_HLS = "components/stream/hls.py"

OPENINGS: tuple[Opening, ...] = (
    # --- speech and sounds
    Opening(
        "/api/tts_proxy/{token}",
        Secret.PATH,
        "speakers, voice satellites, televisions",
        "the token has 128 random bits and is forgotten after a while",
        "components/tts/__init__.py: TextToSpeechView",
    ),
    Opening(
        "/api/esphome/ffmpeg_proxy/{device_id}/{filename}",
        Secret.PATH,
        "ESPHome voice satellites and media players",
        "the file name has 128 random bits",
        "components/esphome/ffmpeg_proxy.py: FFmpegProxyView",
    ),
    Opening(
        "/api/esphome/wake_words/{file*}",
        Secret.NONE,
        "ESPHome voice satellites, which fetch the models of their wake words",
        "Home Assistant serves the folder `custom_wake_words` without a login",
        "components/esphome/assist_satellite.py: WAKE_WORDS_API_PATH",
        route="/api/esphome/wake_words",
    ),
    Opening(
        "/api/assist_satellite/connection_test/{connection_id}",
        Secret.PATH,
        "voice satellites, which fetch it once when they are set up",
        "the ID is made for one test, and gone with its first request",
        "components/assist_satellite/connection_test.py: ConnectionTestView",
    ),
    Opening(
        "/api/assist_satellite/static/preannounce.mp3",
        Secret.NONE,
        "voice satellites, before an announcement",
        "a sound that ships with Home Assistant",
        "components/assist_satellite/__init__.py: PREANNOUNCE_URL",
    ),
    Opening(
        "/api/google_assistant_sdk/audio/{filename}",
        Secret.SIGNATURE,
        _PLAYERS,
        _SIGNED,
        "components/google_assistant_sdk/helpers.py: GoogleAssistantSDKAudioView",
    ),
    # --- the folder for everybody
    Opening(
        "/local/{file*}",
        Secret.NONE,
        "speakers (doorbell sounds), displays (pictures), devices that fetch their firmware",
        "Home Assistant serves the folder `www` without a login, and hands its paths to players"
        " unsigned (`PATHS_WITHOUT_AUTH`). A browser that opens one is redirected",
        "components/frontend/__init__.py: static path /local",
        route="/local",
    ),
    # --- media sources
    Opening(
        "/media/{source_dir_id}/{location*}",
        Secret.SIGNATURE,
        _PLAYERS,
        _SIGNED,
        "components/media_source/local_source.py: LocalMediaView",
    ),
    Opening(
        "/ai_task/{source_dir_id}/{location*}",
        Secret.SIGNATURE,
        "televisions and displays that show a generated picture",
        _SIGNED,
        "components/ai_task/media_source.py: LocalSource",
    ),
    Opening(
        "/immich/{source_dir_id}/{location*}",
        Secret.SIGNATURE,
        _PLAYERS,
        _SIGNED,
        "components/immich/media_source.py: ImmichMediaView",
    ),
    Opening(
        "/synology_dsm/{source_dir_id}/{location*}",
        Secret.SIGNATURE,
        _PLAYERS,
        _SIGNED,
        "components/synology_dsm/media_source.py: SynologyDsmMediaView",
    ),
    Opening(
        "/api/icloud/media_source/serve/{version}/{image_id}",
        Secret.SIGNATURE,
        _PLAYERS,
        _SIGNED,
        "components/icloud/media_source.py",
    ),
    Opening(
        "/api/motioneye/media/{config_id}/{camera_id}/{kind}/{preview}/{path}",
        Secret.SIGNATURE,
        _PLAYERS,
        _SIGNED,
        "components/motioneye/media_source.py: MEDIA_PROXY_URL, 2026.11.0",
    ),
    Opening(
        "/api/nest/event_media/{device_id}/{event_token}",
        Secret.SIGNATURE,
        _PLAYERS,
        _SIGNED,
        "components/nest/__init__.py: NestEventMediaView",
    ),
    Opening(
        "/api/reolink/video/{config_entry_id}/{channel}/{stream_res}/{vod_type}/{filename}",
        Secret.SIGNATURE,
        _PLAYERS,
        _SIGNED,
        "components/reolink/views.py: PlaybackProxyView",
    ),
    Opening(
        "/api/unifiprotect/thumbnail/{nvr_id}/{event_id}",
        Secret.SIGNATURE,
        _PLAYERS,
        _SIGNED,
        "components/unifiprotect/views.py: ThumbnailProxyView",
    ),
    Opening(
        "/api/unifiprotect/video/{nvr_id}/{camera_id}/{start}/{end}",
        Secret.SIGNATURE,
        _PLAYERS,
        _SIGNED,
        "components/unifiprotect/views.py: VideoProxyView",
    ),
    Opening(
        "/api/unifiprotect/video/{nvr_id}/{event_id}",
        Secret.SIGNATURE,
        _PLAYERS,
        _SIGNED,
        "components/unifiprotect/views.py: VideoEventProxyView",
    ),
    Opening(
        "/api/image/serve/{image_id}/{filename}",
        Secret.PATH,
        "televisions and displays that show an uploaded picture",
        "the ID is 32 random digits",
        "components/image_upload/__init__.py: ImageServeView",
    ),
    # --- pictures of entities, cameras
    Opening(
        "/api/camera_proxy/{entity_id}",
        Secret.TOKEN,
        "displays that show a camera",
        "the token is 64 random digits and changes every five minutes",
        "components/camera/__init__.py: CameraImageView",
    ),
    Opening(
        "/api/camera_proxy_stream/{entity_id}",
        Secret.TOKEN,
        _STREAM,
        "as for camera_proxy, or signed by the camera's media source",
        "components/camera/__init__.py: CameraMjpegStream",
    ),
    Opening(
        "/api/image_proxy/{entity_id}",
        Secret.TOKEN,
        "displays that show a picture",
        "the token is 64 random digits and changes every five minutes",
        "components/image/__init__.py: ImageView",
    ),
    Opening(
        "/api/image_proxy_stream/{entity_id}",
        Secret.TOKEN,
        "televisions and displays that show a picture",
        "as for image_proxy, or signed by the image's media source",
        "components/image/__init__.py: ImageStreamView",
    ),
    Opening(
        "/api/media_player_proxy/{entity_id}",
        Secret.TOKEN,
        "displays that show a cover (`entity_picture`)",
        "the token is 64 random digits",
        "components/media_player/__init__.py: MediaPlayerImageView",
    ),
    Opening(
        "/api/hls/{token}/master_playlist.m3u8",
        Secret.PATH,
        _STREAM,
        _STREAM_WHY,
        f"{_HLS}: HlsMasterPlaylistView",
    ),
    Opening(
        "/api/hls/{token}/playlist.m3u8",
        Secret.PATH,
        _STREAM,
        _STREAM_WHY,
        f"{_HLS}: HlsPlaylistView",
    ),
    Opening("/api/hls/{token}/init.mp4", Secret.PATH, _STREAM, _STREAM_WHY, f"{_HLS}: HlsInitView"),
    Opening(
        "/api/hls/{token}/segment/{sequence}.{part_num}.m4s",
        Secret.PATH,
        _STREAM,
        _STREAM_WHY,
        f"{_HLS}: HlsPartView",
    ),
    Opening(
        "/api/hls/{token}/segment/{sequence}.m4s",
        Secret.PATH,
        _STREAM,
        _STREAM_WHY,
        f"{_HLS}: HlsSegmentView",
    ),
    # --- what devices report
    WEBHOOK,
    Opening(
        "/api/doorbird/{event}",
        Secret.TOKEN,
        "DoorBird door stations",
        "the token is the ID of the integration's entry, which only the door station and those"
        " who are signed in know",
        "components/doorbird/view.py: DoorBirdRequestView",
    ),
)

_BROWSER = "a browser or an app asks for it, and these have the root"
_CLOUD = "a service on the internet calls it, and needs a publicly trusted address before and after"
_OWN_LISTENER = "served on a port of its own, which the switch does not touch"

CLOSED: tuple[Closed, ...] = (
    Closed("/auth/…", "signing in", "components/auth/__init__.py, components/auth/login_flow.py"),
    Closed(
        "/.well-known/…",
        "where to sign in",
        "components/auth/login_flow.py, components/frontend/__init__.py",
    ),
    Closed("/api/onboarding/…", "the first user signs up", "components/onboarding/views.py"),
    Closed(
        "/api/websocket",
        "the token comes inside the connection, and it is open to everything",
        "components/websocket_api/http.py",
    ),
    Closed(
        "/, /manifest.json, panels, /static, /frontend_latest and all else of the frontend",
        _BROWSER,
        "components/frontend/__init__.py",
    ),
    Closed(
        "/api/shelly/ws",
        "a WebSocket. Shelly devices take any certificate there (`ssl_ca: *`), so they report"
        " over HTTPS",
        "components/shelly/utils.py: ShellyReceiver",
    ),
    Closed("/api/brands/…", _BROWSER, "components/brands/__init__.py"),
    Closed("/api/map_tiles/…", _BROWSER, "components/map_tiles/views.py, 2026.11.0"),
    Closed("/hacs/…", _BROWSER, "components/marketplace/__init__.py, 2026.11.0"),
    Closed(
        "/api/media_player_proxy/{entity_id}/browse_media/…",
        "the media browser's pictures: " + _BROWSER,
        "components/media_player/__init__.py: MediaPlayerImageView",
    ),
    Closed(
        "/api/generic/preview_flow_image/{flow_id}",
        _BROWSER,
        "components/generic/config_flow.py",
    ),
    Closed("/api/homekit/pairingqr", _BROWSER, "components/homekit/__init__.py"),
    Closed(
        "/api/hassio_ingress/…, /api/hassio/…",
        "apps of Home Assistant OS, by a cookie: " + _BROWSER,
        "components/hassio/ingress.py, components/hassio/http.py",
    ),
    Closed(
        "/auth/external/callback, /auth/plex/callback",
        "signing in to others",
        "helpers/config_entry_oauth2_flow.py, components/plex/config_flow.py",
    ),
    Closed(
        "/api/alexa/flash_briefings/{briefing_id}",
        "a password in the query; " + _CLOUD,
        "components/alexa/flash_briefings.py",
    ),
    Closed("/telegram_webhooks…", _CLOUD, "components/telegram_bot/webhooks.py"),
    Closed("/api/meraki", _CLOUD, "components/meraki/device_tracker.py"),
    Closed("/api/foursquare", _CLOUD, "components/foursquare/__init__.py"),
    Closed(
        "/api/notify.html5/callback",
        _BROWSER,
        "components/html5/http.py, components/html5/notify.py",
    ),
    Closed("/api/spaceapi", _CLOUD, "components/spaceapi/__init__.py"),
    Closed(
        "/api/rss_template/…",
        "news readers; neither signed nor secret",
        "components/rss_feed_template/__init__.py",
    ),
    Closed(
        "/api/prometheus",
        "a program that collects figures; neither signed nor secret, and it can be given the root",
        "components/prometheus/__init__.py",
    ),
    Closed(
        "/api, /api/{username}/…, /description.xml of emulated_hue",
        _OWN_LISTENER,
        "components/emulated_hue/hue_api.py, components/emulated_hue/upnp.py",
    ),
)


def opening_for(path: str) -> tuple[Opening, dict[str, str]] | None:
    """The opening that a decoded path goes through, with the path's variables."""
    for opening in OPENINGS:
        variables = opening.match(path)
        if variables is not None:
            return opening, variables
    return None
