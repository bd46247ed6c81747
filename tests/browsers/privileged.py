"""What is done in Firefox's own window, as its own code, where BiDi has no word for it."""

from __future__ import annotations

# The tree of a page, by Firefox's own service: BiDi can find nodes by role and name, and no more.
WALK = """(() => {
    const service = Cc["@mozilla.org/accessibilityService;1"].getService(
        Ci.nsIAccessibilityService);
    const found = [];
    const walk = node => {
        const state = {}, more = {}, attributes = {};
        node.getState(state, more);
        for (const each of node.attributes?.enumerate() ?? []) {
            const {key, value} = each.QueryInterface(Ci.nsIPropertyElement);
            attributes[key] = value;
        }
        const role = service.getStringRole(node.role);
        found.push({
            role: attributes["xml-roles"] || role,
            name: node.name || "",
            focusable: !!(state.value & Ci.nsIAccessibleStates.STATE_FOCUSABLE),
            live: attributes["live"] === "off" ? "" : attributes["live"] || "",
            level: role === "heading" ? Number(attributes["level"] || 0) : 0,
        });
        for (let i = 0; i < node.childCount; i++) walk(node.getChildAt(i));
    };
    const frame = service.getAccessibleFor(gBrowser.selectedBrowser);
    for (let i = 0; i < frame?.childCount; i++) walk(frame.getChildAt(i));
    return found;
})()"""

# What the button *Import…* of *Settings > Certificates > Authorities* does with the file that was
# chosen (security/manager/pki/resources/content/certManager.js): a dialog asks what to trust it
# for. It waits for that, so it is left to itself.
OPEN_IMPORT = """setTimeout(() => {
    const file = Cc["@mozilla.org/file/local;1"].createInstance(Ci.nsIFile);
    file.initWithPath(%s);
    const database = Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB);
    database.importCertsFromFile(file, Ci.nsIX509Cert.CA_CERT);
}) && null"""

# Ticks the box that is for servers, or not, says OK, and returns what stood beside the box.
ANSWER_IMPORT = """((tick) => {
    const dialog = [...Services.wm.getEnumerator(null)].find(
        each => each.location.href === "chrome://pippki/content/downloadcert.xhtml");
    const box = dialog?.document.getElementById("trustSSL");
    if (!box || dialog.document.readyState !== "complete") return "";
    if (tick) box.click();
    if (box.checked !== tick) return "";
    dialog.document.querySelector("dialog").acceptDialog();
    return box.label;
})(%s)"""
