// The review's page. Whatever a model wrote reaches it as text only; a decision stays here until the store has it.
(() => {
  "use strict";
  const RETRY = 1500; // milliseconds between two tries while the store or the server is away
  const SHORT = 11; // a scale of so many scores is a row of buttons, a longer one a number to type
  const find = (id) => document.getElementById(id);
  let about = null, view = null, grades = {}, pending = false;

  function make(tag, kind, text) {
    const box = document.createElement(tag);
    if (kind) box.className = kind;
    if (text !== undefined) box.textContent = text;
    return box;
  }

  // --- speaking to the server --------------------------------------------------------------------------------------

  // the token comes behind the # of the address; it is kept for this tab and taken off the address
  function token() {
    if (location.hash.length > 20) {
      sessionStorage.setItem("token", location.hash.slice(1));
      history.replaceState(null, "", "/");
    }
    return sessionStorage.getItem("token") || "";
  }

  async function ask(path, given) {
    const headers = { authorization: `Bearer ${token()}` };
    if (given) headers["content-type"] = "application/json";
    const reply = await fetch(path, given ? { method: "POST", headers, body: JSON.stringify(given) } : { headers });
    return { status: reply.status, ...(await reply.json()) };
  }

  const pause = () => new Promise((done) => setTimeout(done, RETRY));

  // until it is in the store; null where it was refused
  async function insist(path, given) {
    for (;;) {
      let reply;
      try {
        reply = await ask(path, given);
      } catch {
        tell("The review does not answer. Is the command still running? Your decision is kept here and tried again.", true);
        await pause();
        continue;
      }
      if (reply.status === 200) return reply;
      tell(reply.error, true);
      if (reply.status !== 503) return null;
      await pause();
    }
  }

  async function send(path, given, said) {
    if (pending) return;
    pending = true;
    document.body.classList.add("pending");
    const next = await insist(path, given);
    document.body.classList.remove("pending");
    pending = false;
    if (next) show(next, next.settled ? "It was decided before, in another window perhaps." : said);
  }

  // --- deciding ----------------------------------------------------------------------------------------------------

  const verdicts = { left: "A is better", right: "B is better", tie: "a tie", skip: "skipped" };
  const open = () => view && view.item;

  function decide(choice) {
    if (open()) send("/compare", { number: view.item.number, choice }, `Kept: ${verdicts[choice]}.`);
  }

  const missing = () => about.rubric.filter((one) => !(one.id in grades));

  function keep() {
    if (!open()) return;
    const left = missing();
    if (left.length) {
      tell(`Still to be graded: ${left.map((one) => one.id).join(", ")}.`, true);
      look(left[0]);
    } else send("/rate", { number: view.item.number, grades }, "Kept.");
  }

  function undo() {
    if (view && view.progress.done) send("/undo", {}, "Taken back.");
  }

  // to a criterion, and no further than needed: the answer is to stay in sight
  function look(one) {
    const box = document.getElementsByName(one.id)[0];
    box.focus({ preventScroll: true });
    box.closest("fieldset").scrollIntoView({ block: "nearest" });
  }

  // what a digit means: the score of the criterion that has the focus, else of the first that has none yet
  function digit(key) {
    const focused = document.activeElement && document.activeElement.name;
    const one = about.rubric.find((each) => each.id === focused) || missing()[0];
    const input = one && [...document.getElementsByName(one.id)].find((box) => box.type === "radio" && box.value === key);
    if (!input) return;
    input.checked = true;
    grades[one.id] = Number(key);
    const next = missing()[0];
    if (next) look(next);
    else find("keep").focus();
  }

  // --- keys --------------------------------------------------------------------------------------------------------

  const acts = {
    left: { keys: ["ArrowLeft", "1"], shown: "←", word: "A is better", act: () => decide("left"), main: true },
    tie: { keys: ["t", "0", "="], shown: "T", word: "Tie", act: () => decide("tie") },
    skip: { keys: ["s"], shown: "S", word: "Skip", act: () => decide("skip") },
    right: { keys: ["ArrowRight", "2"], shown: "→", word: "B is better", act: () => decide("right"), main: true },
    keep: { keys: ["Enter"], shown: "↵", word: "Keep and go on", act: keep, main: true },
    undo: { keys: ["u", "Backspace"], shown: "U", word: "Undo", act: undo, quiet: true },
  };
  const used = () => (about.rates ? ["keep", "skip", "undo"] : ["left", "tie", "skip", "right", "undo"]);

  function pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || !about || find("help").open) return;
    const typing = event.target.matches("input[type=number]"), button = event.target.matches("button, a");
    if (event.key === "?") { help(); return; }
    if (!find("single").checked || typing && event.key !== "Enter" || button && event.key === "Enter") return;
    if (about.rates && /^[0-9]$/.test(event.key)) { if (open()) digit(event.key); return; }
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const name = used().find((one) => acts[one].keys.includes(key));
    if (!name) return;
    event.preventDefault();
    acts[name].act();
  }

  function help() { find("help").showModal(); }

  // --- what is seen ------------------------------------------------------------------------------------------------

  function tell(text, wrong = false) {
    find("said").textContent = text;
    find("said").classList.toggle("wrong", wrong);
  }

  function words(box, text) {
    box.textContent = text === "" ? "(empty)" : text;
    box.classList.toggle("empty", text === "");
  }

  function answer(text, name) {
    const box = make("article", "answer");
    const title = make("h2", "", name);
    title.id = `title-${name}`;
    box.setAttribute("aria-labelledby", title.id);
    const said = make("div", "words");
    said.dir = "auto";
    words(said, text);
    box.append(title, said);
    return box;
  }

  function scale(one) {
    const [most, least] = [one.anchors[0][0], one.anchors.at(-1)[0]];
    if (most - least >= SHORT) {
      const input = make("input");
      Object.assign(input, { type: "number", name: one.id, min: least, max: most, step: 1 });
      input.addEventListener("input", () => {
        if (input.value === "" || !input.validity.valid) delete grades[one.id];
        else grades[one.id] = Number(input.value);
      });
      const label = make("label", "typed", `${least} to ${most} `);
      label.append(input);
      return label;
    }
    const meanings = new Map(one.anchors), whole = meanings.size === most - least + 1;
    const row = make("div", whole ? "scale told" : "scale");
    for (let score = least; score <= most; score++) {
      const label = make("label"), input = make("input");
      Object.assign(input, { type: "radio", name: one.id, value: String(score) });
      input.addEventListener("change", () => { grades[one.id] = score; });
      label.append(input, make("span", "", String(score)));
      if (whole) label.append(make("small", "", meanings.get(score)));
      row.append(label);
    }
    return row;
  }

  // what the scores mean, where their buttons do not say it
  function anchors(one) {
    const list = make("dl", "anchors");
    for (const [score, meaning] of one.anchors) list.append(make("dt", "", String(score)), make("dd", "", meaning));
    return list;
  }

  function rubric() {
    find("rubric").replaceChildren(...about.rubric.map((one) => {
      const box = make(about.rates ? "fieldset" : "div", "criterion");
      const name = make(about.rates ? "legend" : "h3", "", one.id);
      box.append(name, make("p", "", one.text));
      const graded = about.rates ? scale(one) : null;
      if (graded) box.append(graded);
      if (!graded || !graded.matches(".told")) box.append(anchors(one));
      return box;
    }));
    find("rubric-box").hidden = !about.rubric.length;
  }

  function buttons() {
    find("acts").replaceChildren(...used().map((name) => {
      const { keys, shown, word, act, main, quiet } = acts[name];
      const button = make("button", main ? "main" : quiet ? "quiet" : "", `${word} `);
      button.type = "button";
      button.id = name;
      button.setAttribute("aria-keyshortcuts", keys.join(" "));
      button.append(make("kbd", "", shown));
      button.addEventListener("click", act);
      return button;
    }));
    find("keys").replaceChildren(...used().flatMap((name) => [make("dt", "", acts[name].shown), make("dd", "", acts[name].word)]));
    if (about.rates) find("keys").prepend(make("dt", "", "0–9"), make("dd", "", "Grade by the next criterion"));
  }

  function frame() {
    find("suite").textContent = about.suite;
    document.body.classList.toggle("rates", about.rates);
    document.title = `Blind review · ${about.suite}`;
    find("help-text").textContent = about.rates
      ? "Grade the answer by every criterion, by what its scores mean. Who wrote it is not said, on purpose."
      : "Two answers to the same question, in random order. Say which one is better by what counts, or that they are as good. Who wrote them is not said, on purpose.";
    rubric();
    buttons();
  }

  function left(minutes) {
    if (minutes === null) return "";
    return minutes < 1 ? " · less than a minute left" : ` · about ${Math.round(minutes)} min left`;
  }

  function show(next, said = "") {
    view = next;
    grades = {};
    const { item, progress } = view, noun = about.rates ? "answer" : "pair";
    Object.assign(find("bar"), { value: progress.done, max: Math.max(progress.total, 1) });
    find("far").textContent = `${progress.done} of ${progress.total}${item ? left(progress.minutes) : ""}`;
    find("desk").hidden = !item;
    find("end").hidden = Boolean(item);
    find("acts").hidden = false;
    for (const name of used()) if (name !== "undo") find(name).hidden = !item;
    find("undo").disabled = !progress.done;
    if (item) shown(item, progress, noun, said);
    else ended(progress, noun, said);
    scrollTo(0, 0);
  }

  function shown(item, progress, noun, said) {
    find("title").textContent = about.rates ? "How good is this answer?" : "Which answer is better?";
    words(find("asked"), item.asked);
    words(find("reference"), item.reference);
    find("reference-box").hidden = item.reference === "";
    const names = about.rates ? ["Answer"] : ["A", "B"];
    find("answers").replaceChildren(...item.answers.map((text, i) => answer(text, names[i])));
    find("answers").classList.toggle("one", about.rates);
    if (about.rates) find("rubric").reset();
    tell(`${said} ${noun[0].toUpperCase()}${noun.slice(1)} ${item.number} of ${progress.total}.`.trim());
  }

  function ended(progress, noun, said) {
    find("title").textContent = progress.total ? `All ${progress.total} ${noun}s are decided` : "There is nothing to decide";
    find("end-said").textContent = progress.total ? "Thank you." : "The answers are the same in every case that was drawn.";
    find("again").hidden = !progress.skipped;
    find("again").textContent = `Show the ${progress.skipped} skipped once more`;
    tell(said);
  }

  // --- beginning ---------------------------------------------------------------------------------------------------

  async function begin() {
    const found = await insist("/about");
    if (!found) return;
    about = found;
    frame();
    const first = await insist("/view");
    if (first) show(first);
  }

  document.addEventListener("keydown", pressed);
  find("ask").addEventListener("click", help);
  find("close").addEventListener("click", () => find("help").close());
  find("again").addEventListener("click", () => send("/again", {}, ""));
  find("rubric").addEventListener("submit", (event) => event.preventDefault());
  find("single").checked = localStorage.getItem("single") !== "no";
  find("single").addEventListener("change", () => localStorage.setItem("single", find("single").checked ? "yes" : "no"));
  begin();
})();
