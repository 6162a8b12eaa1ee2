"use strict";
// a link into something closed opens it
const open = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) target.open = true;
};
addEventListener("hashchange", open);
open();

// show the rows, services and findings that have the words
const filter = Object.assign(document.createElement("input"), {
  type: "search", placeholder: "Filter", ariaLabel: "Show only controls and services with these words",
});
const found = [...document.querySelectorAll(".matrix tbody tr, [data-find]")].map(
  (element) => [element, (element.dataset.find ?? element.firstElementChild.textContent).toLowerCase()],
);
filter.addEventListener("input", () => {
  const words = filter.value.toLowerCase().split(/\s+/);
  for (const [element, text] of found) element.hidden = !words.every((word) => text.includes(word));
});
document.querySelector("nav").append(filter);

addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((each) => { each.open = true; }));
