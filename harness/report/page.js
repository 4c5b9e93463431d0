"use strict";
// Answers come from models: they reach the page through textContent only, never as markup.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const find = (id) => document.getElementById(id);
  const PAGE = 12;
  const TOKENS = 700; // longer texts are shown without highlighting: the comparison is quadratic
  const ALIKE = 0.4; // with less in common, marks would only be noise
  let shown = PAGE;

  const text = (id) => data.texts[id].map((piece) => data.pieces[piece]).join("");

  function make(tag, kind, content) {
    const made = document.createElement(tag);
    if (kind) made.className = kind;
    if (content !== undefined) made.textContent = content;
    return made;
  }

  // --- differences -------------------------------------------------------------------------------------------------

  const tokens = (one) => one.match(/\p{L}+|\p{N}|\s+|[^\p{L}\p{N}\s]/gu) || [];

  function common(a, b) {
    const width = b.length + 1;
    const length = new Uint16Array((a.length + 1) * width);
    for (let i = a.length - 1; i >= 0; i--) {
      for (let j = b.length - 1; j >= 0; j--) {
        const at = i * width + j;
        length[at] = a[i] === b[j] ? length[at + width + 1] + 1 : Math.max(length[at + width], length[at + 1]);
      }
    }
    const inA = new Uint8Array(a.length), inB = new Uint8Array(b.length);
    for (let i = 0, j = 0; i < a.length && j < b.length;) {
      if (a[i] === b[j]) { inA[i++] = 1; inB[j++] = 1; }
      else if (length[(i + 1) * width + j] >= length[i * width + j + 1]) i++;
      else j++;
    }
    return [inA, inB];
  }

  function marked(words, kept, tag) {
    const box = make("div", "text");
    let run = "", was = 1;
    const flush = () => { if (run) box.append(was ? document.createTextNode(run) : make(tag, "", run)); run = ""; };
    words.forEach((word, i) => { if (kept[i] !== was) { flush(); was = kept[i]; } run += word; });
    flush();
    return box;
  }

  function plain(content) {
    return content === "" ? make("div", "text empty", "(empty)") : make("div", "text", content);
  }

  function compared(expected, actual) {
    const a = tokens(expected), b = tokens(actual);
    if (!expected || !actual || a.length > TOKENS || b.length > TOKENS) return [plain(expected), plain(actual)];
    const [inA, inB] = common(a, b);
    const shared = a.filter((word, i) => inA[i]).join("").length;
    if (shared < ALIKE * Math.min(expected.length, actual.length)) return [plain(expected), plain(actual)];
    return [marked(a, inA, "ins"), marked(b, inB, "del")];
  }

  // --- one case ----------------------------------------------------------------------------------------------------

  const counted = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;
  const scored = (score) => (score === null ? "not measured" : `score ${Math.round(score * 1000) / 10}`);

  function side(suite, attempt, expected) {
    const [name, layer] = suite.contenders[attempt[0]];
    const box = make("div", `side ${layer}`);
    for (const [id, seeds, score, note] of attempt[3]) {
      const head = make("h4");
      const label = make("span");
      label.append(make("i"), make("b", "", name));
      head.append(label);
      if (seeds.length) head.append(make("span", "", `seed${seeds.length > 1 ? "s" : ""} ${seeds.join(", ")}`));
      head.append(make("span", "", scored(score)));
      if (note) head.append(make("span", "", note));
      box.append(head, compared(expected, text(id))[1]);
    }
    return box;
  }

  function fold(title, content) {
    const box = make("details");
    box.append(make("summary", "", title));
    box.addEventListener("toggle", () => { if (box.open && box.children.length === 1) content(box); });
    return box;
  }

  function card(suite, attempt, beside) {
    const [id, input, expectedId] = suite.cases[attempt[1]];
    const flip = flipped(suite, attempt), who = suite.contenders[attempt[0]][0];
    const expected = text(expectedId);
    const item = make("li");
    const head = make("div", "card-head");
    head.append(make("b", "", id), make("span", "", scored(attempt[2])));
    if (flip) head.append(make("span", `flip ${flip > 0 ? "fixed" : "broken"}`, `${flip > 0 ? "fixed" : "broken"} by ${who}`));
    const sides = make("div", "sides");
    const wanted = make("div", "side");
    const worst = attempt[3].length ? text(attempt[3][0][0]) : "";
    wanted.append(make("h4", "", "expected"), compared(expected, worst)[0]);
    sides.append(wanted, side(suite, attempt, expected));
    if (beside) sides.append(side(suite, beside, expected));
    item.append(head, make("div", "input", text(input)), sides);
    item.append(fold("Prompt", (box) => {
      for (const [role, content] of data.prompts[attempt[4]]) box.append(make("h4", "", text(role)), plain(text(content)));
    }));
    if (attempt[5].length) {
      item.append(fold(`Retrieved documents (${attempt[5].length})`, (box) => {
        for (const one of attempt[5]) {
          const [name, content] = data.documents[one];
          box.append(make("h4", "", text(name)), plain(text(content)));
        }
      }));
    }
    return item;
  }

  // 1 where the baseline is wrong and this attempt is right, -1 the other way round
  function flipped(suite, attempt) {
    suite.against ??= new Map(suite.attempts.filter((one) => one[0] === suite.baseline).map((one) => [one[1], one[2]]));
    const theirs = suite.against.get(attempt[1]);
    if (attempt[2] === null || theirs === null || theirs === undefined) return 0;
    return (attempt[2] >= data.right) - (theirs >= data.right);
  }

  // --- the list ----------------------------------------------------------------------------------------------------

  const tests = {
    all: () => true,
    wrong: (suite, one) => one[2] !== null && one[2] < data.right,
    right: (suite, one) => one[2] !== null && one[2] >= data.right,
    fixed: (suite, one) => flipped(suite, one) > 0,
    broken: (suite, one) => flipped(suite, one) < 0,
  };

  function words(suite, one) {
    const [id, input, expected] = suite.cases[one[1]];
    return [id, text(input), text(expected), ...one[3].map((said) => text(said[0]))].join("\n").toLowerCase();
  }

  function render() {
    const suite = data.suites[find("suite").value];
    const contender = Number(find("contender").value);
    const beside = find("beside").value === "" ? null : Number(find("beside").value);
    const show = document.querySelector("input[name=show]:checked").value;
    const wanted = find("search").value.trim().toLowerCase();
    const others = new Map(suite.attempts.filter((one) => one[0] === beside).map((one) => [one[1], one]));
    const found = suite.attempts.filter((one) => one[0] === contender && tests[show](suite, one) && (!wanted || words(suite, one).includes(wanted)));
    const cards = found.slice(0, shown).map((one) => card(suite, one, beside === contender ? null : others.get(one[1])));
    find("cards").replaceChildren(...cards);
    find("more").hidden = found.length <= shown;
    const kept = suite.attempts.filter((one) => one[0] === contender).length;
    const against = suite.baseline === null ? "" : ` Fixed and broken are beside ${suite.contenders[suite.baseline][0]}.`;
    find("found").textContent = `${found.length} of the ${counted(kept, "case")} kept for this contender; the suite has ${counted(suite.total, "test case")}.${against}`;
  }

  function fill(select, names, chosen) {
    select.replaceChildren(...names.map(([value, name]) => {
      const option = make("option", "", name);
      option.value = value;
      return option;
    }));
    select.value = String(chosen);
  }

  function choose() {
    const suite = data.suites[find("suite").value];
    const names = suite.contenders.map(([name], i) => [i, name]);
    fill(find("contender"), names, suite.tuned ?? names.length - 1);
    fill(find("beside"), [["", "nothing"], ...names], suite.baseline ?? "");
    start();
  }

  // a number of a flip table is followed to #answers: show those cases there
  function open(link) {
    const at = data.suites.findIndex((suite) => suite.name === link.dataset.suite);
    if (at < 0) return;
    find("suite").value = String(at);
    choose();
    find("contender").value = String(data.suites[at].contenders.findIndex(([name]) => name === link.dataset.contender));
    document.querySelector(`input[name=show][value=${link.dataset.show}]`).checked = true;
    start();
  }

  function start() { shown = PAGE; render(); }

  if (data.suites.length) {
    fill(find("suite"), data.suites.map((suite, i) => [i, suite.name]), 0);
    find("suite").addEventListener("change", choose);
    for (const id of ["contender", "beside"]) find(id).addEventListener("change", start);
    for (const one of document.querySelectorAll("input[name=show]")) one.addEventListener("change", start);
    for (const link of document.querySelectorAll("a[data-show]")) link.addEventListener("click", () => open(link));
    find("search").addEventListener("input", start);
    find("more").addEventListener("click", () => { shown += PAGE; render(); });
    find("filters").addEventListener("submit", (event) => event.preventDefault());
    find("filters").hidden = false;
    choose();
  } else {
    find("found").textContent = "There are no answers to read yet.";
  }

  addEventListener("beforeprint", () => { for (const one of document.querySelectorAll("main details:not(.how, #cards *)")) one.open = true; });
})();
