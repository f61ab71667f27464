// Everything that a page can send or read without being asked. Returns what could be read.
async (target) => {
  const ask = JSON.stringify({ model: "cloud", max_tokens: 9, messages: [{ role: "user", content: "Say something." }] });
  const paths = ["/v1/messages", "/v1/chat/completions"];
  const looks = ["/health", "/ready", "/metrics", "/v1/models", "/", "/admin/teams", "/dashboard", "/openapi.json"];
  const forms = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"];
  const read = [];
  const wait = (ms) => new Promise((done) => setTimeout(() => done(null), ms));
  const attempt = async (name, action) => {
    try {
      const result = await Promise.race([action(), wait(4000)]);
      if (result) read.push({ name, status: result.status ?? 0, text: String(result.text ?? result).slice(0, 300) });
    } catch (error) {
      // refused by the browser, as it should be
    }
  };
  const fetched = async (path, options) => {
    const answer = await fetch(target + path, options);
    return answer.type === "opaque" ? null : { status: answer.status, text: await answer.text() };
  };
  const loaded = (tag, set) =>
    new Promise((done) => {
      const element = document.createElement(tag);
      element.onload = () => done(`${tag} was loaded`);
      element.onerror = () => done(null);
      set(element);
      document.body.append(element);
    });
  const xhr = (method, path, kind) =>
    new Promise((done) => {
      const request = new XMLHttpRequest();
      request.open(method, target + path);
      if (kind) request.setRequestHeader("content-type", kind);
      request.onload = () => done({ status: request.status, text: request.responseText });
      request.onerror = () => done(null);
      request.send(method === "POST" ? ask : null);
    });
  const submitted = async (path, enctype, method) => {
    const name = `frame${Math.random()}`;
    const frame = document.createElement("iframe");
    frame.name = name;
    const form = document.createElement("form");
    Object.assign(form, { action: target + path, method, enctype, target: name });
    const field = document.createElement("input");
    Object.assign(field, { type: "hidden", name: ask.slice(0, -1) + ', "x": "', value: '"}' });
    form.append(field);
    document.body.append(frame, form);
    form.submit();
    await wait(700);
    try {
      return frame.contentDocument && frame.contentDocument.body.innerText;
    } catch (error) {
      return null;
    }
  };

  const attempts = [];
  const add = (name, action) => attempts.push(attempt(name, action));
  for (const path of paths) {
    for (const kind of [...forms, "application/json", "application/json+x", ""]) {
      const headers = kind ? { "content-type": kind } : {};
      add(`fetch ${path} ${kind}`, () => fetched(path, { method: "POST", body: ask, headers }));
      add(`no-cors ${path} ${kind}`, () => fetched(path, { method: "POST", body: ask, headers, mode: "no-cors" }));
      add(`XHR ${path} ${kind}`, () => xhr("POST", path, kind));
      add(`beacon ${path} ${kind}`, async () => navigator.sendBeacon(target + path, new Blob([ask], { type: kind })) && null);
    }
    const quiet = { method: "POST", body: ask, mode: "no-cors", referrerPolicy: "no-referrer", keepalive: true };
    add(`no-referrer ${path}`, () => fetched(path, quiet));
    add(`with cookies ${path}`, () => fetched(path, { method: "POST", body: ask, credentials: "include" }));
    add(`bytes ${path}`, () => fetched(path, { method: "POST", body: new TextEncoder().encode(ask) }));
    add(`beacon ${path}`, async () => navigator.sendBeacon(target + path, ask) && null);
    for (const enctype of forms) add(`form ${path} ${enctype}`, () => submitted(path, enctype, "POST"));
    add(`web socket ${path}`, () =>
      new Promise((done) => {
        const socket = new WebSocket(target.replace("http", "ws") + path);
        socket.onopen = () => socket.send(ask);
        socket.onmessage = (event) => done(event.data);
        socket.onerror = () => done(null);
      }));
    for (const method of ["PUT", "PATCH", "DELETE"]) add(`${method} ${path}`, () => fetched(path, { method, body: ask }));
  }
  for (const path of looks) {
    add(`fetch ${path}`, () => fetched(path));
    add(`no-cors ${path}`, () => fetched(path, { mode: "no-cors" }));
    add(`XHR ${path}`, () => xhr("GET", path));
    add(`form ${path}`, () => submitted(path, "text/plain", "GET"));
    add(`image ${path}`, () => loaded("img", (element) => (element.src = target + path)));
    add(`script ${path}`, () => loaded("script", (element) => (element.src = target + path)));
    add(`style ${path}`, () => loaded("link", (element) => Object.assign(element, { rel: "stylesheet", href: target + path })));
    add(`event source ${path}`, () =>
      new Promise((done) => {
        const source = new EventSource(target + path);
        source.onopen = () => done("event source was opened");
        source.onerror = () => (source.close(), done(null));
      }));
  }
  await Promise.all(attempts);
  return read;
}
