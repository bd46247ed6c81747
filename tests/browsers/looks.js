// What a page looks like to somebody who measures it; asked by test_onboarding_access.py.
(() => {
  const shown = (it) => it.checkVisibility({ visibilityProperty: true });
  const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
  const light = (value) => {
    const part = value / 255;
    return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  };
  // https://www.w3.org/TR/WCAG22/#dfn-relative-luminance
  const luminance = ([red, green, blue]) =>
    0.2126 * light(red) + 0.7152 * light(green) + 0.0722 * light(blue);
  const behind = (it) => {
    for (let at = it; at; at = at.parentElement) {
      const colour = channels(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const contrast = (it) => {
    const [one, two] = [channels(getComputedStyle(it).color), behind(it)].map(luminance);
    return (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
  };
  const named = (it) => it.tagName + " " + it.innerText?.trim().slice(0, 40);
  const texts = [...document.body.querySelectorAll("*")].filter((it) =>
    shown(it) && [...it.childNodes].some((node) => node.nodeType === 3 && node.data.trim()));
  const targets = [...document.querySelectorAll("a, button, summary")].filter(shown);
  // A link within a sentence is as high as its line.
  const alone = targets.filter((it) => !(it.tagName === "A" && it.closest("li, p") !== null
    && getComputedStyle(it).display === "inline"));
  return {
    faint: texts.map((it) => [contrast(it), named(it)]).filter(([ratio]) => ratio < 4.5),
    small: alone.map((it) => [it.getBoundingClientRect(), named(it)])
      .filter(([box]) => box.right > 0 && (box.height < 44 || box.width < 24))
      .map(([box, name]) => [Math.round(box.width), Math.round(box.height), name]),
    wide: document.documentElement.scrollWidth - innerWidth,
    cut: texts.filter((it) => it.scrollWidth > it.clientWidth + 1 && it.clientWidth
      && getComputedStyle(it).overflowX !== "visible").map(named),
    outside: texts.filter((it) => it.getBoundingClientRect().right > innerWidth + 1
      && !it.closest(".tabs")).map(named),
  };
})()
