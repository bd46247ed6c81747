// Every word in a browser's own page: its pieces hide their texts in shadows and attributes.
(() => {
  const found = new Set();
  const note = (text) => { if (typeof text === "string" && text.trim()) found.add(text.trim()); };
  const walk = (node) => {
    for (const each of node.childNodes) {
      if (each.nodeType === Node.TEXT_NODE) note(each.data);
      if (each.nodeType !== Node.ELEMENT_NODE) continue;
      note(each.label);
      note(each.getAttribute("label"));
      if (each.shadowRoot) walk(each.shadowRoot);
      walk(each);
    }
  };
  walk(document.documentElement);
  return [...found];
})()
