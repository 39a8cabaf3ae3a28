/* The checks of the page that is kept on a disk: QR summaries, XML records, signed reports, by the roots in TRUST. No network, no
   library: the browser's own cryptography. The same rules as hocbaso/documents (qr_summary, instance_keys, xml_signature, trust);
   what one refuses, the other refuses. A verdict is {ok, kind, heading, sentence, next, facts, signatures, problems}. */
"use strict";

class Refusal extends Error {}
const refuse = (sentence) => { throw new Refusal(sentence); };

/* --- bytes ------------------------------------------------------------------------------------------------------------ */

const utf8 = (text) => new TextEncoder().encode(text);
const fromUtf8 = (bytes) => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const b64 = (bytes) => { let text = ""; for (const byte of bytes) text += String.fromCharCode(byte); return btoa(text); };
const fromB64 = (text) => {
  let raw;
  try { raw = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)); } catch { refuse("Dữ liệu mã hoá trong tệp bị hỏng."); }
  if (b64(raw) !== text) refuse("Dữ liệu mã hoá trong tệp bị hỏng.");
  return raw;
};
const same = (one, other) => one.length === other.length && one.every((byte, index) => byte === other[index]);
const joined = (...parts) => {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) { out.set(part, at); at += part.length; }
  return out;
};
const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
const fold = (text) => text.normalize("NFC").toLowerCase().split(/\s+/u).filter(Boolean).join(" ");

/* --- DER and certificates --------------------------------------------------------------------------------------------- */

function readDer(bytes, at = 0, end = bytes.length) {
  if (at + 2 > end) refuse("Chứng thư trong tệp bị hỏng.");
  const tag = bytes[at];
  let size = bytes[at + 1], from = at + 2;
  if (size & 0x80) {
    const n = size & 0x7f;
    if (n < 1 || n > 3 || from + n > end) refuse("Chứng thư trong tệp bị hỏng.");
    size = 0;
    for (let index = 0; index < n; index++) size = size * 256 + bytes[from + index];
    from += n;
  }
  if (from + size > end) refuse("Chứng thư trong tệp bị hỏng.");
  return { tag, raw: bytes.subarray(at, from + size), body: bytes.subarray(from, from + size), next: from + size };
}
function children(node) {
  const out = [];
  let at = 0;
  while (at < node.body.length) { const child = readDer(node.body, at); out.push(child); at = child.next; }
  return out;
}
function whole(bytes) {
  const node = readDer(bytes);
  if (node.next !== bytes.length) refuse("Chứng thư trong tệp bị hỏng.");
  return node;
}
const oid = (node) => {
  const parts = [Math.floor(node.body[0] / 40), node.body[0] % 40];
  let value = 0;
  for (const byte of node.body.subarray(1)) { value = value * 128 + (byte & 127); if (!(byte & 128)) { parts.push(value); value = 0; } }
  return parts.join(".");
};
const bits = (node) => node.body.subarray(1);
function derTime(node) {
  const text = fromUtf8(node.body);
  const found = /^(\d{2}|\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (!found) refuse("Chứng thư trong tệp bị hỏng.");
  const year = found[1].length === 4 ? +found[1] : +found[1] + (+found[1] < 50 ? 2000 : 1900);
  return Date.UTC(year, +found[2] - 1, +found[3], +found[4], +found[5], +found[6]);
}
function derText(node) {
  if (node.tag === 0x1e) return new TextDecoder("utf-16be").decode(node.body);
  if (node.tag === 0x14) return Array.from(node.body, (byte) => String.fromCharCode(byte)).join("");
  return new TextDecoder().decode(node.body);
}
const CN = "2.5.4.3", ORGANISATION = "2.5.4.10", USER_ID = "0.9.2342.19200300.100.1.1", SERIAL_NUMBER = "2.5.4.5", PROVINCE = "2.5.4.8", LOCALITY = "2.5.4.7";
/* All values of an attribute: whoever reads only the first is told what somebody else put second. */
function attributes(name, wanted) {
  return children(name).flatMap(children).map(children).filter(([type]) => oid(type) === wanted).map(([, value]) => derText(value));
}
/* Who a certificate names (documents/certificate_owner.holder_of). */
const UNIT_PREFIXES = ["MST", "MNS", "MSNS", "MSDN"], PERSON_PREFIXES = ["CCCD", "CMND", "CMT", "HC"];
function holderOf(subject) {
  const names = attributes(subject, CN), organisations = attributes(subject, ORGANISATION), provinces = attributes(subject, PROVINCE), localities = attributes(subject, LOCALITY);
  const units = [], persons = [];
  for (const [of, value] of [USER_ID, SERIAL_NUMBER].flatMap((type) => attributes(subject, type).map((one) => [type, one]))) {
    const text = value.toUpperCase().replace(/\s+/gu, ""), found = /^([A-ZĐ]+)[:-](.+)$/u.exec(text), prefix = found?.[1] ?? "", number = found?.[2] ?? text;
    if (UNIT_PREFIXES.includes(prefix)) units.push(number);
    else if ((prefix || of === USER_ID) && (PERSON_PREFIXES.includes(prefix) || (prefix ? /^\d{12}$/ : /^(\d{9}|\d{12})$/).test(number))) persons.push(number);
  }
  const place = units.length ? [...provinces, ...localities][0] ?? "" : "";
  const more = [units.length && `mã số ${units[0]}`, place].filter(Boolean).join(", ");
  return { names, name: names.join(" / "), organisations, units, persons, provinces, localities, shown: names.join(" / ") + (more ? ` (${more})` : "") };
}
const UNDERSTOOD = new Set(["2.5.29.15", "2.5.29.19", "2.5.29.32", "2.5.29.37", "2.5.29.17", "2.5.29.14", "2.5.29.35"]);

function readCertificate(der) {
  const [tbs, algorithm, signature, ...rest] = children(whole(der));
  if (!signature || rest.length) refuse("Chứng thư trong tệp bị hỏng.");
  const parts = children(tbs);
  if (parts[0].tag !== 0xa0) refuse("Chứng thư trong tệp bị hỏng.");
  const [, serial, , issuer, validity, subject, spki, ...more] = parts;
  const [from, until] = children(validity).map(derTime);
  const found = {
    der, tbs: tbs.raw, algorithm, signature: bits(signature), serial: hex(serial.body).replace(/^(00)+(?=.)/, ""), issuer, subject,
    spki: spki.raw, from, until, isAuthority: false, pathLength: Infinity, usage: null, purposes: null, strange: false,
    ...holderOf(subject),
  };
  const extensions = more.find((node) => node.tag === 0xa3);
  for (const item of extensions ? children(children(extensions)[0]) : []) {
    const fields = children(item), type = oid(fields[0]), value = fields.at(-1);
    const critical = fields.length === 3 && fields[1].body[0] !== 0;
    if (critical && !UNDERSTOOD.has(type)) found.strange = true;
    if (type === "2.5.29.19") {
      const inner = children(whole(value.body));
      found.isAuthority = inner[0]?.tag === 1 && inner[0].body[0] !== 0;
      const length = inner.find((node) => node.tag === 2);
      if (length) found.pathLength = Number("0x" + hex(length.body));
    }
    if (type === "2.5.29.37") found.purposes = children(whole(value.body)).map(oid);
    if (type === "2.5.29.15") { const inner = whole(value.body); found.usage = (inner.body[1] << 8) | (inner.body[2] ?? 0); }
  }
  return found;
}
/* Bits of keyUsage in the first byte after the count of unused bits, most significant first. */
const USAGE = { sign: 0x8000, commit: 0x4000, certify: 0x0400, lists: 0x0200 };

const KEYS = {
  "1.2.840.113549.1.1.11": { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" }, "1.2.840.113549.1.1.12": { name: "RSASSA-PKCS1-v1_5", hash: "SHA-384" },
  "1.2.840.113549.1.1.13": { name: "RSASSA-PKCS1-v1_5", hash: "SHA-512" }, "1.2.840.10045.4.3.2": { name: "ECDSA", hash: "SHA-256" },
  "1.2.840.10045.4.3.3": { name: "ECDSA", hash: "SHA-384" }, "1.2.840.10045.4.3.4": { name: "ECDSA", hash: "SHA-512" },
};
const CURVES = { "1.2.840.10045.3.1.7": ["P-256", 32], "1.3.132.0.34": ["P-384", 48], "1.3.132.0.35": ["P-521", 66] };
const RSA = "1.2.840.113549.1.1.1", EC = "1.2.840.10045.2.1";

function keyOf(spki) {
  const [algorithm] = children(whole(spki)), fields = children(algorithm), type = oid(fields[0]);
  if (type === RSA) return { kind: "rsa" };
  const curve = type === EC && fields[1].tag === 6 ? CURVES[oid(fields[1])] : null;
  return curve ? { kind: "ec", curve: curve[0], size: curve[1] } : refuse("Chữ ký số dùng loại khoá không được hỗ trợ.");
}
async function signedBy(spki, hash, data, signature) {
  const key = keyOf(spki);
  const name = key.kind === "rsa" ? { name: "RSASSA-PKCS1-v1_5", hash } : { name: "ECDSA", namedCurve: key.curve, hash };
  try {
    const imported = await crypto.subtle.importKey("spki", spki, name, false, ["verify"]);
    return await crypto.subtle.verify(name, imported, signature, data);
  } catch { return false; }
}
function rawOf(der, size) {
  const [r, s, ...rest] = children(whole(der));
  if (rest.length) refuse("Chữ ký trong tệp bị hỏng.");
  return joined(...[r, s].map((node) => {
    const bytes = node.body[0] === 0 ? node.body.subarray(1) : node.body;
    if (bytes.length > size) refuse("Chữ ký trong tệp bị hỏng.");
    return joined(new Uint8Array(size - bytes.length), bytes);
  }));
}
/* The larger half of P-256's order: since form 1.2 a signature is written with the smaller of s and n - s. */
const HALF = 0x7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8n;
const isTwin = (raw) => BigInt(`0x${hex(raw.subarray(32))}`) > HALF;
const OLD_FORMS = ["hocbaso-thcs-1.0", "hocbaso-thcs-1.1"];
async function issuedBy(item, issuer) {
  const method = KEYS[oid(children(item.algorithm)[0])], key = keyOf(issuer.spki);
  if (!method || (method.name === "ECDSA") !== (key.kind === "ec")) return false;
  return signedBy(issuer.spki, method.hash, item.tbs, key.kind === "ec" ? rawOf(item.signature, key.size) : item.signature);
}

/* --- revocation lists ------------------------------------------------------------------------------------------------- */

function readList(der) {
  const [tbs, algorithm, signature] = children(whole(der));
  const parts = children(tbs).filter((node, index) => !(index === 0 && node.tag === 2));
  const dates = parts.slice(2).filter((node) => node.tag === 0x17 || node.tag === 0x18);
  const entries = parts.slice(2).find((node) => node.tag === 0x30);
  const revoked = new Map();
  for (const entry of entries ? children(entries) : []) {
    const [serial, at] = children(entry);
    revoked.set(hex(serial.body).replace(/^(00)+(?=.)/, ""), derTime(at));
  }
  return { tbs: tbs.raw, algorithm, signature: bits(signature), issuer: parts[1], from: derTime(dates[0]), until: dates[1] ? derTime(dates[1]) : Infinity, revoked };
}

/* --- trust ------------------------------------------------------------------------------------------------------------ */

const STRANGER = "Không rõ nơi cấp chữ ký: khoá này không nằm trong số khoá mà trường tin cậy. Ai cũng tự làm được một chữ ký mang đúng tên như thế, nên chưa thể tin tệp này.";
const ALTERED = "Nội dung tệp đã bị thay đổi sau khi ký.";
const TWIN = "Giá trị chữ ký bị đổi sang một dạng khác mà trường không bao giờ ghi: đây không phải tệp gốc. Nội dung chưa chắc bị sửa; hãy xin lại tệp của nhà trường.";
let trusted = null;

async function readTrust() {
  if (!trusted) {
    trusted = {
      roots: TRUST.roots.map((root) => readCertificate(fromB64(root.der))),
      lists: TRUST.lists.map((der) => readList(fromB64(der))), keys: [], refused: [],
    };
    const found = await knownKeys(TRUST.documents);
    trusted.keys = found.keys;
    trusted.refused = found.refused;
  }
  return trusted;
}

/* Why a chain (DER, leaf first, without root) is not believed now; empty when it is. `told.lacksStatus`: no list that has not run out
   says of each certificate that it was not revoked. */
async function pathReasons(chain, told = {}) {
  const { roots, lists } = await readTrust();
  const carried = chain.map(readCertificate), path = [];
  let current = carried[0];
  for (;;) {
    const root = roots.find((one) => same(one.der, current.der));
    if (root) { path.push(root); break; }
    path.push(current);
    if (path.length > 5) return [STRANGER];
    let issuer = null;
    for (const one of [...roots, ...carried]) {
      if (path.includes(one) || !same(one.subject.raw, current.issuer.raw) || !(await issuedBy(current, one))) continue;
      issuer = one;
      break;
    }
    if (!issuer) return [STRANGER];
    current = issuer;
  }
  const reasons = [], now = Date.now();
  path.forEach((one, index) => {
    if (now < one.from) reasons.push("Chứng thư của người ký chưa có hiệu lực.");
    if (now > one.until) reasons.push("Chứng thư của người ký đã hết hạn.");
    if (one.strange) reasons.push("Chứng thư của người ký không hợp lệ.");
    if (index && (!one.isAuthority || (one.usage !== null && !(one.usage & USAGE.certify)) || index - 1 > one.pathLength)) reasons.push("Chứng thư của người ký không hợp lệ.");
  });
  told.lacksStatus = false;
  for (let index = 0; index + 1 < path.length; index++) {
    let known = false;
    for (const list of lists) {
      if (!same(list.issuer.raw, path[index].issuer.raw) || !(await issuedBy(list, path[index + 1]))) continue;
      if (list.until >= now) known = true;
      const at = list.revoked.get(path[index].serial);
      if (at !== undefined && at <= now) reasons.push("Chứng thư của người ký đã bị thu hồi.");
    }
    if (!known) told.lacksStatus = true;
  }
  const inside = path.slice(0, -1);
  if (inside.length !== carried.length || !carried.every((one) => inside.includes(one))) reasons.push("Chữ ký mang theo chứng thư không thuộc đường tin cậy.");
  const usage = carried[0].usage;
  if (usage !== null && !(usage & (USAGE.sign | USAGE.commit))) reasons.push("Chứng thư này không được cấp để ký.");
  if (!isForDocuments(carried[0].purposes)) reasons.push("Chứng thư này không được cấp để ký văn bản.");
  return [...new Set(reasons)];
}
/* Extended purposes: one for mail or documents, or all a person's (documents/certificate_owner.purpose_reason). */
const DOCUMENT_PURPOSES = ["1.3.6.1.5.5.7.3.4", "1.3.6.1.5.5.7.3.36", "1.3.6.1.4.1.311.10.3.12", "1.2.840.113583.1.1.5", "2.5.29.37.0"], PERSONS_PURPOSES = ["1.3.6.1.5.5.7.3.2", "1.3.6.1.4.1.311.20.2.2"];
const isForDocuments = (purposes) => purposes === null || purposes.some((one) => DOCUMENT_PURPOSES.includes(one)) || purposes.every((one) => PERSONS_PURPOSES.includes(one));
/* Whose certificate is a seal, and whose a person's: documents/certificate_owner, in the same words. */
const isNamed = (value, wanted) => [fold(wanted), fold([...wanted].slice(0, 64).join(""))].includes(fold(value));
const isSchool = (value, school) => isNamed(value, school) || (/^trường /iu.test(school) && isNamed(value, school.slice(7)));
function provinceKey(name) {
  const bare = name.toLowerCase().normalize("NFD").replace(/\p{M}/gu, "").replace(/đ/g, "d").replace(/[^a-z ]/g, " ");
  return bare.replace(/^\s*(?:tinh|thanh pho|tp)\s+/, "").replace(/ /g, "");
}
function whyNotSeal(who, school, province = "") {
  if (who.persons.length) return `Chứng thư cấp cho cá nhân “${who.name}”, không phải con dấu của ${school}.`;
  const one = who.names.length === 1, named = one && isSchool(who.name, school), housed = who.organisations.some((value) => isNamed(value, school));
  if (!named && !(one && housed && who.units.length)) return `Chứng thư con dấu mang tên “${who.name}”, không phải ${school}.`;
  if (!who.units.length && !who.organisations.length && !fold(who.name).startsWith("trường ")) return `Chứng thư mang tên “${who.name}” không ghi tổ chức hay mã số tổ chức nên không phải con dấu của trường.`;
  const ours = TRUST.provinces[provinceKey(province)], theirs = who.provinces.map((value) => TRUST.provinces[provinceKey(value)]).filter(Boolean);
  if (ours && theirs.length && !theirs.includes(ours)) return `Con dấu là của một trường cùng tên ở ${who.provinces[0]}, không phải ${school} ở ${province}.`;
  return null;
}
function isSameUnit(one, other) {
  if (one.units.length || other.units.length) return one.units.some((number) => other.units.includes(number));
  const facts = (who) => canonical([who.names, who.organisations, who.provinces, who.localities].map((values) => values.map(fold).sort()));
  return facts(one) === facts(other);
}
function whyNotPerson(who, name, number) {
  if (who.names.length !== 1 || !isNamed(who.name, name)) return `Người ký là “${who.name}”, không phải ${name} như ghi trên học bạ.`;
  if (number && who.persons.some((one) => one.length === 12 && one !== number)) return "Số định danh trong chứng thư không phải của người ghi trên học bạ.";
  return null;
}
const SKEW = 10 * 60 * 1000;
const TURNED_ROUND = "Giờ ký của các chữ ký không theo thứ tự: chữ ký sau lại ghi giờ sớm hơn chữ ký trước.";
const inTurn = (times) => times.every((at, index) => times.slice(0, index).every((before) => at >= before - SKEW));
const timeReasons = (at) => (at > Date.now() + SKEW ? ["Thời gian ký ở tương lai."] : []);

/* --- signed JSON: statements on keys, reports --------------------------------------------------------------------------- */

function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value && typeof value === "object") return `{${Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
  return JSON.stringify(value);
}
function messageOf(document) {
  const { signature, ...unsigned } = document;
  return utf8(`${document.format}\n${canonical(unsigned)}`);
}
function readInstant(text) {
  const at = Date.parse(text);
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text) || Number.isNaN(at)) refuse("Tệp ghi thời gian không hợp lệ.");
  return at;
}
const STATEMENT = "hocbaso-instance-key-1", WITHDRAWAL = "hocbaso-instance-key-withdrawal-1", REPORT = "hocbaso-report-1", KEY_LIST = "hocbaso-key-list-1";
const FIELDS = {
  [STATEMENT]: ["certificates", "format", "key_id", "public_key", "school_code", "school_name", "signature", "signed_at", "valid_from", "valid_until"],
  [WITHDRAWAL]: ["certificates", "format", "key_id", "reason", "school_code", "school_name", "signature", "signed_at", "withdrawn_at"],
};
async function checkStatement(document) {
  const wanted = FIELDS[document?.format];
  if (!wanted || canonical(Object.keys(document).sort()) !== canonical(wanted) || !Array.isArray(document.certificates)) refuse("Không đọc được bản xác nhận khoá của trường.");
  if (!wanted.every((name) => name === "certificates" || typeof document[name] === "string")) refuse("Không đọc được bản xác nhận khoá của trường.");
  const chain = document.certificates.map(fromB64), signature = fromB64(document.signature);
  if (!chain.length || chain.length > 4) refuse("Không đọc được bản xác nhận khoá của trường.");
  const seal = readCertificate(chain[0]), key = keyOf(seal.spki);
  if (key.kind === "ec" && key.curve !== "P-256") refuse("Chữ ký số dùng loại khoá không được hỗ trợ.");
  if (!(await signedBy(seal.spki, "SHA-256", messageOf(document), key.kind === "ec" ? rawOf(signature, 32) : signature))) refuse("Bản xác nhận khoá đã bị sửa sau khi nhà trường đóng dấu.");
  const reasons = [...timeReasons(readInstant(document.signed_at)), ...(await pathReasons(chain))];
  if (reasons.length) refuse(`Con dấu trên bản xác nhận khoá không tin được: ${reasons[0]}`);
  if (whyNotSeal(seal, document.school_name)) refuse(`Bản xác nhận khoá mang con dấu của “${seal.name}”, không phải ${document.school_name}.`);
  if (document.format === STATEMENT) {
    const spki = fromB64(document.public_key);
    if (keyOf(spki).curve !== "P-256" || hex(await sha256(spki)).slice(0, 16) !== document.key_id) refuse("Không đọc được bản xác nhận khoá của trường.");
  }
  return seal;
}
const dayOf = (at) => new Date(at + 7 * 3600 * 1000).toISOString().slice(0, 10).split("-").reverse().join("/");
const momentOf = (at) => `${new Date(at + 7 * 3600 * 1000).toISOString().slice(11, 16)} ngày ${dayOf(at)}`;

/* `own` came with the page: their seals are the school's. A seal of another organisation than the known one under a name neither vouches nor withdraws. */
async function knownKeys(own, documents = []) {
  const found = new Map(), withdrawn = new Map(), refused = [], seals = new Map();
  const pinned = (document) => { const name = canonical([document.school_name, document.school_code]); if (!seals.has(name)) seals.set(name, []); return seals.get(name); };
  for (const document of own) try { pinned(document).push(readCertificate(fromB64(document.certificates[0]))); } catch { /* it will be refused below */ }
  for (const document of [...own, ...documents.slice(0, 200)]) {
    try {
      const seal = await checkStatement(document), known = pinned(document);
      if (known.length && !known.some((one) => isSameUnit(seal, one))) refuse(`Bản xác nhận khoá không mang con dấu đã biết của ${document.school_name} mà của một nơi khác cùng tên.`);
      known.push(seal);
      const whose = canonical([document.key_id, document.school_name, document.school_code]);
      if (document.format === WITHDRAWAL) { withdrawn.set(whose, `Nhà trường đã thu hồi khoá này ngày ${dayOf(readInstant(document.withdrawn_at))}: ${document.reason}`); continue; }
      const stated = found.get(document.key_id);
      if (stated && stated.schoolName !== document.school_name) { refused.push(`Hai trường cùng nhận một khoá: ${stated.schoolName} và ${document.school_name}.`); continue; }
      found.set(document.key_id, {
        whose, id: document.key_id, spki: fromB64(document.public_key), schoolName: document.school_name, schoolCode: document.school_code,
        from: readInstant(document.valid_from), until: readInstant(document.valid_until), withdrawn: null,
      });
    } catch (error) { refused.push(error instanceof Refusal ? error.message : "Không đọc được bản xác nhận khoá của trường."); }
  }
  for (const key of found.values()) key.withdrawn = withdrawn.get(key.whose) ?? null;
  return { keys: [...found.values()], refused: [...new Set(refused)] };
}
/* Keys of another list that somebody loads are known from then on, until the page is closed. */
async function learnKeys(documents) {
  const state = await readTrust();
  const { keys, refused } = await knownKeys(TRUST.documents, documents);
  state.keys = keys;
  return { keys, refused };
}

const UNKNOWN_KEY = "Chưa có xác nhận của nhà trường cho khoá đã ký: cần tệp khoá của trường (tải ở trang kiểm tra của trường), hoặc trang kiểm tra mới hơn.";
const ASK_OFFICE = "Hãy hỏi văn thư nhà trường, mang theo mã tra cứu.";
const ASK_ORIGINAL = "Đừng dùng tệp này. Hãy xin lại tệp gốc ở văn thư nhà trường.";
const ASK_STANDING = "Muốn biết học bạ còn hiệu lực hay đã có bản thay, hãy mở trang kiểm tra của trường và gõ mã tra cứu.";
const NEXT = [
  [STRANGER, "Đừng tin tệp này. Gọi cho văn thư theo số điện thoại quen biết của trường để hỏi."],
  ["Chưa có xác nhận", "Tải trang kiểm tra hoặc tệp khoá mới nhất ở trang kiểm tra của trường ghi trên học bạ."],
  ["thu hồi", "Hỏi văn thư nhà trường vì sao và xin bản học bạ đang dùng."],
  ["hết hạn", "Đưa tệp này vào trang kiểm tra của trường, nơi có sổ ghi chứng thư còn hạn khi ký; hoặc hỏi văn thư nhà trường."],
  ["chưa có hiệu lực", "Xem lại ngày giờ của máy này; nếu đúng, hỏi văn thư nhà trường."],
  ["ở tương lai", "Xem lại ngày giờ của máy này; nếu đúng, đừng dùng tệp."],
  ["tóm tắt trong mã QR đã bị sửa", "Đừng dùng bản in này. " + ASK_OFFICE],
  ["bị thay đổi", ASK_ORIGINAL], ["bị sửa", ASK_ORIGINAL], ["còn thiếu", "Học bạ chưa phát hành xong. Hãy chờ nhà trường ký đủ rồi xin lại tệp."],
  ["không phải", "Đừng dùng tệp này. " + ASK_OFFICE],
];
const nextFor = (reason) => NEXT.find(([part]) => reason.includes(part))?.[1] ?? "Đừng dùng tệp này. " + ASK_OFFICE;
const bad = (kind, heading, reason, more = {}) => ({ ok: false, kind, tone: "wrong", heading, sentence: reason, next: nextFor(reason), facts: [], results: [], signatures: [], ...more });

/* --- the summary in a QR ------------------------------------------------------------------------------------------------ */

const SUBJECTS = ["Môn ở dòng này", "Ngữ văn", "Toán", "Ngoại ngữ 1", "Giáo dục công dân", "Lịch sử và Địa lí", "Khoa học tự nhiên", "Công nghệ", "Tin học", "Giáo dục thể chất", "Nghệ thuật", "Hoạt động trải nghiệm, hướng nghiệp", "Nội dung giáo dục của địa phương", "Tiếng dân tộc thiểu số", "Ngoại ngữ 2"];
const LEVELS = ["", "Tốt", "Khá", "Đạt", "Chưa đạt"];
const OUTCOMES = ["", "Được lên lớp", "Hoàn thành", "Phải đánh giá lại", "Rèn luyện trong hè", "Ở lại lớp", "Chờ quyết định", "Chưa đủ dữ liệu"];
const COMPLETIONS = ["", "Hoàn thành", "Không hoàn thành"];
const QR = /^(https?:\/\/[^\s#]+)\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})#([1-9][0-9]{200,1499})$/;
const NO_SUMMARY = "Mã QR này không mang bản tóm tắt của học bạ số, hoặc đã bị sửa.";

function readSummary(text) {
  const found = QR.exec(String(text).slice(0, 6000).replace(/\s+/g, ""));
  if (!found) refuse(NO_SUMMARY);
  let digits = BigInt(found[3]).toString(16);
  if (digits.length % 2) digits = "0" + digits;
  const data = Uint8Array.from(digits.match(/../g), (pair) => parseInt(pair, 16));
  const body = data.subarray(0, -64), signature = data.subarray(-64);
  let at = 0;
  const take = (n) => { if (at + n > body.length) refuse(NO_SUMMARY); at += n; return body.subarray(at - n, at); };
  const byte = () => take(1)[0], number = (n) => take(n).reduce((sum, one) => sum * 256 + one, 0);
  const halves = (n) => {
    const all = [...take((n + 1) >> 1)].flatMap((one) => [one >> 4, one & 15]);
    if (n % 2 && all[n] !== 0) refuse(NO_SUMMARY);
    return all.slice(0, n);
  };
  const pick = (list, index) => (index < list.length ? list[index] : refuse(NO_SUMMARY));
  const day = (since, n) => new Date(since + n * 86400000).toISOString().slice(0, 10);
  if (byte() !== 1) refuse(NO_SUMMARY);
  const keyId = hex(take(4)), digest = hex(take(32)), year = 2000 + byte(), flags = byte();
  if (flags & 0xc0) refuse(NO_SUMMARY);
  const issued = day(Date.UTC(2000, 0, 1), number(2)), born = day(Date.UTC(1900, 0, 1), number(2));
  const levels = halves(4).map((one) => pick(LEVELS, one)), ends = byte(), n = byte();
  const codes = halves(n).map((one) => pick(SUBJECTS, one));
  const results = [...take(n)].map((one) => (one <= 100 ? `${Math.floor(one / 10)},${one % 10}` : { 101: "Đ", 102: "CĐ", 103: "Miễn", 255: "trống" }[one] ?? refuse(NO_SUMMARY)));
  let name, className;
  try { name = fromUtf8(take(byte())); className = fromUtf8(take(byte())); } catch { refuse(NO_SUMMARY); }
  if (at !== body.length) refuse(NO_SUMMARY);
  const uuid = Uint8Array.from(found[2].replace(/-/g, "").match(/../g), (pair) => parseInt(pair, 16));
  return {
    uuid: found[2], address: found[1], keyId, digest, year, grade: flags & 15, demo: !!(flags & 16), transfer: !!(flags & 32), issued, born, name, className,
    conduct: levels.slice(0, 2), learning: levels.slice(2), promotion: pick(OUTCOMES, ends >> 4), completion: pick(COMPLETIONS, ends & 15),
    results: codes.map((code, index) => [code, results[index]]), signed: joined(utf8("hocbaso-qr-1\n"), uuid, body), signature,
  };
}
const vnDate = (iso) => iso.split("-").reverse().join("/");

async function checkText(text) {
  let summary;
  try { summary = readSummary(text); } catch (error) { if (error instanceof Refusal) return bad("qr", "Mã QR không đúng", error.message); throw error; }
  const { keys } = await readTrust(), named = keys.filter((key) => key.id.startsWith(summary.keyId));
  let key = null;
  for (const one of named) if (await signedBy(one.spki, "SHA-256", summary.signed, summary.signature)) { key = one; break; }
  if (!key) {
    const reason = named.length ? "Bản tóm tắt trong mã QR đã bị sửa, hoặc thuộc một học bạ khác." : UNKNOWN_KEY;
    return bad("qr", named.length ? "Mã QR không đúng" : "Chưa rõ ai đã ký", reason, { uuid: summary.uuid });
  }
  const issued = Date.parse(summary.issued);
  const reason = key.withdrawn ?? (issued < key.from - 2 * 86400000 || issued > key.until + 367 * 86400000 ? "Ngày phát hành nằm ngoài thời gian dùng của khoá đã ký." : null);
  if (reason) return bad("qr", "Mã QR không còn tin được", reason, { uuid: summary.uuid });
  const two = ([year, after]) => (year || "không ghi") + (after ? `; sau hè: ${after}` : "");
  const other = key.schoolName !== TRUST.school.name;
  return {
    ok: true, kind: "qr", tone: other || summary.demo ? "late" : "done", heading: summary.demo ? "Mã QR thật của học bạ mẫu" : "Mã QR thật", uuid: summary.uuid, digest: summary.digest,
    sentence: `Bản tóm tắt này do ${key.schoolName} lập và không bị sửa.${other ? ` Trang kiểm tra này là của ${TRUST.school.name}; học bạ do trường khác lập.` : ""}${summary.demo ? " Dữ liệu của trường mẫu, không có giá trị pháp lý." : ""}`,
    next: "So họ tên và từng con số dưới đây với bản in. Khác một con số thì bản in đã bị sửa. " + ASK_STANDING,
    facts: [["Trường", key.schoolName], ["Họ và tên", summary.name], ["Ngày sinh", vnDate(summary.born)], ["Lớp", summary.className], ["Năm học", `${summary.year}–${summary.year + 1}${summary.transfer ? " (đến khi chuyển trường)" : ""}`], ["Phát hành", vnDate(summary.issued)], ["Rèn luyện", two(summary.conduct)], ["Học tập", two(summary.learning)], ["Cuối năm", [summary.promotion, summary.completion && `chương trình THCS: ${summary.completion}`].filter(Boolean).join("; ")], ["Mã tra cứu", summary.uuid]],
    results: summary.results, signatures: [],
  };
}

/* --- the XML record ----------------------------------------------------------------------------------------------------- */

const DS = "http://www.w3.org/2000/09/xmldsig#", C14N = "http://www.w3.org/2001/10/xml-exc-c14n#", DIGEST = "http://www.w3.org/2001/04/xmlenc#sha256";
const METHODS = { rsa: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", ec: "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256" };
const NODES = [["GVCN", "Giáo viên chủ nhiệm"], ["CBQL", "Hiệu trưởng"], ["KY_PHAT_HANH", "Con dấu nhà trường"]];
const SHAPE = /^<HOC_BA id="([0-9a-f-]{36})">(<DU_LIEU_HOC_BA id="duLieuHocBa">.*<\/DU_LIEU_HOC_BA>)<DANH_SACH_THONG_TIN_KY>(.*)<\/DANH_SACH_THONG_TIN_KY><\/HOC_BA>$/s;
const NODE = /^<([A-Z_]+)><NGAY_KY>([^<]*)<\/NGAY_KY>(?:<SO_CCCD>([^<]*)<\/SO_CCCD>)?<Signature xmlns="[^"]*" Id="[^"]*">.*?<SignatureValue>([^<]*)<\/SignatureValue><KeyInfo[^>]*><X509Data><X509SubjectName>([^<]*)<\/X509SubjectName>((?:<X509Certificate>[^<]*<\/X509Certificate>){1,4})<\/X509Data><\/KeyInfo>.*?<\/Signature><\/\1>/s;
const BROKEN = "Phần chữ ký trong tệp XML đã bị sửa hoặc không đúng cấu trúc.";

/* The pieces of a signer node as the school's server writes them: with `ns` the canonical form that is hashed, without it the form in the file. */
function pieces(name, at, subject, certificates, kind, zoneDigest) {
  const keyInfo = (ns) => `<KeyInfo${ns} Id="thongTinKhoa-${name}"><X509Data><X509SubjectName>${subject}</X509SubjectName>${certificates}</X509Data></KeyInfo>`;
  const time = (ns) => `<SignatureProperty${ns} Id="thoiGianKy-${name}" Target="#chuKy-${name}"><SigningTime xmlns="urn:hocbaso:ky-so">${at}</SigningTime></SignatureProperty>`;
  const reference = (uri, digest) => `<Reference URI="#${uri}"><Transforms><Transform Algorithm="${C14N}"></Transform></Transforms><DigestMethod Algorithm="${DIGEST}"></DigestMethod><DigestValue>${digest}</DigestValue></Reference>`;
  const info = async (ns) => {
    const own = ` xmlns="${DS}"`;
    const digests = [zoneDigest, b64(await sha256(utf8(time(own)))), b64(await sha256(utf8(keyInfo(own))))];
    return `<SignedInfo${ns}><CanonicalizationMethod Algorithm="${C14N}"></CanonicalizationMethod><SignatureMethod Algorithm="${METHODS[kind]}"></SignatureMethod>${reference("duLieuHocBa", digests[0])}${reference(`thoiGianKy-${name}`, digests[1])}${reference(`thongTinKhoa-${name}`, digests[2])}</SignedInfo>`;
  };
  return { keyInfo, time, info };
}
const FORM_BROKEN = "Dữ liệu học bạ trong tệp bị thêm, bớt, lặp hoặc đảo mục so với mẫu của Bộ.";
/* The order of tags as the server writes it (TRUST.form): each at most once and in its place, nothing between. */
function requireForm(element, members) {
  const own = [...element.children];
  if ([...element.childNodes].some((node) => node.nodeType !== 1) || (element !== element.ownerDocument.documentElement && element.attributes.length)) refuse(FORM_BROKEN);
  const leaf = (node) => { if (node.attributes.length || node.children.length || !node.textContent) refuse(FORM_BROKEN); };
  for (const [tag, kind, inside] of members) {
    const next = () => own[0]?.tagName === tag;
    if (kind === "leaf") { if (next()) leaf(own.shift()); }
    else if (kind === "texts") while (next()) leaf(own.shift());
    else if (!next()) refuse(FORM_BROKEN);
    else if (kind === "group") requireForm(own.shift(), inside);
    else {
      const rows = own.shift();
      requireForm(rows, [...rows.children].map(() => [inside[0], "group", inside[1]]));
    }
  }
  if (own.length) refuse(FORM_BROKEN);
}
const written = (node) => `<${node.tagName}>${node.children.length ? [...node.children].map(written).join("") : escapeXml(node.textContent).replace(/\r/g, "&#xD;")}</${node.tagName}>`;
function readZone(zone) {
  const document = new DOMParser().parseFromString(zone, "application/xml");
  if (document.querySelector("parsererror") || document.documentElement.tagName !== "DU_LIEU_HOC_BA") refuse("Tệp XML không đọc được.");
  requireForm(document.documentElement, TRUST.form);
  const again = `<DU_LIEU_HOC_BA id="duLieuHocBa">${[...document.documentElement.children].map(written).join("")}</DU_LIEU_HOC_BA>`;
  if (again !== zone) refuse("Dữ liệu học bạ trong tệp viết khác cách nhà trường viết: tệp đã bị sửa.");
  const root = document.documentElement, common = [...root.children].find((one) => one.tagName === "THONG_TIN_CHUNG");
  const inside = (parent, tag) => [...(parent?.children ?? [])].find((one) => one.tagName === tag);
  const text = (parent, tag) => inside(parent, tag)?.textContent ?? "";
  const levels = inside(root, "TONG_KET");
  return {
    of: (tag) => text(common, tag),
    level: (tag) => { const group = inside(levels, tag); return [text(group, "CA_NAM"), text(group, "SAU_DANH_GIA_LAI")].map((one) => ({ T: "Tốt", K: "Khá", Đ: "Đạt", CĐ: "Chưa đạt" })[one] ?? ""); },
    subjects: [...(inside(root, "BANG_DIEM")?.children ?? [])].map((row) => [text(row, "TEN_MON_HOC"), (text(row, "SAU_DANH_GIA_LAI") || text(row, "CA_NAM") || "trống").replace(".", ",")]),
  };
}
const escapeXml = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

async function checkNode(name, label, text, zone, zoneDigest, facts) {
  const verdict = { role: label, name: "", at: null, reasons: [], notes: [] };
  const found = NODE.exec(text);
  if (!found || found[1] !== name || found[0] !== text) return { ...verdict, reasons: [BROKEN] };
  const [, , at, number, value, subject, certificates] = found;
  try {
    const signedAt = readInstant(at), chain = [...certificates.matchAll(/<X509Certificate>([^<]*)<\/X509Certificate>/g)].map((one) => fromB64(one[1]));
    const leaf = readCertificate(chain[0]), key = keyOf(leaf.spki);
    verdict.name = leaf.shown;
    verdict.at = signedAt;
    if (key.kind === "ec" && key.curve !== "P-256") refuse("Chữ ký số dùng loại khoá không được hỗ trợ.");
    const wantedNumber = { GVCN: facts.of("SO_CCCD_GIAO_VIEN_CHU_NHIEM"), CBQL: facts.of("SO_CCCD_GIAM_HIEU_KY_HOC_BA") }[name] || undefined;
    const parts = pieces(name, at, subject, certificates, key.kind, zoneDigest);
    const again = `<${name}><NGAY_KY>${at}</NGAY_KY>${wantedNumber ? `<SO_CCCD>${escapeXml(wantedNumber)}</SO_CCCD>` : ""}<Signature xmlns="${DS}" Id="chuKy-${name}">${await parts.info("")}<SignatureValue>${value}</SignatureValue>${parts.keyInfo("")}<Object><SignatureProperties>${parts.time("")}</SignatureProperties></Object></Signature></${name}>`;
    const path = await pathReasons(chain, verdict);
    if (path.includes(STRANGER)) verdict.reasons.push(STRANGER);
    const signature = fromB64(value);
    if (again !== text || number !== wantedNumber) verdict.reasons.push(again !== text && text.includes(zoneDigest) ? BROKEN : ALTERED);
    else if (!(await signedBy(leaf.spki, "SHA-256", utf8(await parts.info(` xmlns="${DS}"`)), signature))) verdict.reasons.push(ALTERED);
    else if (key.kind === "ec" && !OLD_FORMS.includes(facts.of("PHIEN_BAN")) && isTwin(signature)) verdict.reasons.push(TWIN);
    verdict.reasons.push(...timeReasons(signedAt));
    if (signedAt < leaf.from - SKEW) verdict.reasons.push("Thời gian ký ghi trong chữ ký sớm hơn ngày chứng thư có hiệu lực.");
    if (signedAt < readInstant(facts.of("NGAY_TAO_HOC_BA")) - SKEW) verdict.reasons.push("Thời gian ký ghi trong chữ ký sớm hơn lúc lập học bạ.");
    verdict.reasons.push(...path.filter((one) => one !== STRANGER));
    const whose = name === "KY_PHAT_HANH" ? whyNotSeal(leaf, facts.of("TEN_TRUONG"), facts.of("TEN_TINH_THANH_PHO")) : whyNotPerson(leaf, facts.of(name === "GVCN" ? "TEN_GIAO_VIEN_CHU_NHIEM" : "TEN_GIAM_HIEU_KY_HOC_BA"), wantedNumber);
    if (whose) verdict.reasons.push(whose);
    else if (name !== "KY_PHAT_HANH" && wantedNumber && !leaf.persons.includes(wantedNumber)) verdict.notes.push("Chứng thư không ghi số định danh cá nhân nên chỉ đối chiếu được họ tên.");
  } catch (error) { verdict.reasons.push(error instanceof Refusal ? error.message : BROKEN); }
  return verdict;
}

async function checkXml(bytes) {
  const heading = "Tệp không dùng được";
  if (bytes.length > 2000000) return bad("xml", heading, "Tệp quá lớn so với một học bạ.");
  let text;
  try { text = fromUtf8(bytes); } catch { return bad("xml", heading, "Tệp bị hỏng hoặc không phải học bạ số."); }
  try {
    const found = SHAPE.exec(text), count = (part) => text.split(part).length - 1;
    const once = ["<HOC_BA", "<DU_LIEU_HOC_BA", "</DU_LIEU_HOC_BA>", "<DANH_SACH_THONG_TIN_KY", "</DANH_SACH_THONG_TIN_KY>"];
    if (!found || /<[!?]/.test(text) || once.some((part) => count(part) !== 1)) refuse("Tệp XML không có cấu trúc của học bạ số.");
    const [, uuid, zone, signing] = found, facts = readZone(zone), zoneBytes = await sha256(utf8(zone));
    if (facts.of("MA_TRA_CUU_UUID") !== uuid) refuse("Tệp XML không có cấu trúc của học bạ số.");
    const signatures = [], problems = [];
    let rest = signing;
    for (const [name, label] of NODES) {
      const close = `</${name}>`;
      if (!rest.startsWith(`<${name}>`) || !rest.includes(close)) continue;
      const node = rest.slice(0, rest.indexOf(close) + close.length);
      rest = rest.slice(node.length);
      signatures.push(await checkNode(name, label, node, zone, b64(zoneBytes), facts));
    }
    if (rest) problems.push("Thứ tự hoặc số chữ ký không đúng quy định.");
    else if (signatures.length !== 3) problems.push(`Học bạ chưa đủ chữ ký, còn thiếu: ${NODES.map((one) => one[1]).filter((label) => !signatures.some((one) => one.role === label)).join(", ")}.`);
    if (!inTurn(signatures.filter((one) => one.at !== null).map((one) => one.at))) problems.push(TURNED_ROUND);
    const reasons = [...new Set([...problems, ...signatures.flatMap((one) => one.reasons)])];
    const shown = { signatures, problems, uuid, digest: hex(zoneBytes) };
    if (reasons.length) {
      const strange = reasons.includes(STRANGER);
      return bad("xml", strange ? "Không phải chữ ký của nhà trường" : signatures.length && !problems.length && signatures.every((one) => one.reasons.length) ? "Chữ ký không hợp lệ" : heading, strange ? STRANGER : reasons[0], shown);
    }
    const two = ([year, after]) => (year || "không ghi") + (after ? `; sau hè: ${after}` : ""), demo = facts.of("DU_LIEU_THU_NGHIEM") === "1";
    const other = facts.of("TEN_TRUONG") !== TRUST.school.name || facts.of("MA_TRUONG") !== TRUST.school.code;
    const open = signatures.some((one) => one.lacksStatus);
    return {
      ok: true, kind: "xml", tone: demo || open || other ? "late" : "done", heading: demo ? "Học bạ mẫu, chữ ký đúng" : open ? "Chữ ký đúng, chưa xem được thu hồi" : "Học bạ thật", ...shown,
      sentence: `Cả 3 chữ ký số đều đúng và nội dung không bị sửa từ khi ký.${open ? " Nhưng ở đây không có danh sách thu hồi còn hạn của nơi cấp, nên chưa biết có chứng thư nào đã bị thu hồi trước khi ký không." : ""}${other ? ` Trang kiểm tra này là của ${TRUST.school.name}; học bạ do ${facts.of("TEN_TRUONG")} lập.` : ""}${demo ? " Dữ liệu của trường mẫu, không có giá trị pháp lý." : ""}`, next: ASK_STANDING,
      facts: [["Trường", facts.of("TEN_TRUONG")], ["Họ và tên", facts.of("HO_VA_TEN")], ["Ngày sinh", vnDate(facts.of("NGAY_SINH"))], ["Lớp", facts.of("TEN_LOP")], ["Năm học", facts.of("TEN_NAM_HOC").replace("-", "–")], ["Phát hành", vnDate(facts.of("NGAY_KY_PHAT_HANH_HOC_BA"))], ["Rèn luyện", two(facts.level("KET_QUA_REN_LUYEN"))], ["Học tập", two(facts.level("KET_QUA_HOC_TAP"))], ["Mã tra cứu", uuid]],
      results: facts.subjects,
    };
  } catch (error) { return bad("xml", heading, error instanceof Refusal ? error.message : "Tệp bị hỏng hoặc không phải học bạ số."); }
}

/* --- reports, lists of keys, any file ----------------------------------------------------------------------------------- */

async function checkReport(document) {
  const kind = "report", heading = "Báo cáo không dùng được";
  try {
    const wanted = ["file_bytes", "file_sha256", "format", "key_id", "made_at", "match", "result", "school_code", "school_name", "signature", "standing", "statements"];
    if (canonical(Object.keys(document).sort()) !== canonical(wanted) || !Array.isArray(document.statements)) refuse("Tệp này không phải báo cáo kiểm tra học bạ.");
    const madeAt = readInstant(document.made_at), { keys, refused } = await knownKeys(TRUST.documents, document.statements);
    const key = keys.find((one) => one.id === document.key_id) ?? refuse(refused.at(-1) ?? UNKNOWN_KEY);
    const signature = fromB64(document.signature);
    if (signature.length !== 64 || !(await signedBy(key.spki, "SHA-256", messageOf(document), signature))) refuse("Báo cáo đã bị sửa sau khi lập.");
    if (key.schoolName !== document.school_name || key.schoolCode !== document.school_code) refuse(`Khoá đã ký là của ${key.schoolName}, không phải ${document.school_name}.`);
    if (key.withdrawn) refuse(key.withdrawn);
    if (madeAt < key.from || madeAt > key.until) refuse("Báo cáo ghi ngày nằm ngoài thời gian dùng của khoá.");
    const [late] = timeReasons(madeAt);
    if (late) refuse(late);
    const said = document.result?.verdict ?? {};
    return {
      ok: true, kind, tone: "done", heading: "Báo cáo thật", sentence: `Báo cáo này do ${key.schoolName} lập lúc ${momentOf(madeAt)} và không bị sửa.`,
      next: "Kết luận trong báo cáo đúng vào lúc lập; muốn biết hôm nay thì kiểm tra lại chính tệp học bạ.",
      facts: [["Kết luận", `${said.heading ?? ""}. ${said.sentence ?? ""}`], ["Học sinh", document.result?.student_name ?? "không ghi"], ["Mã tra cứu", document.result?.record_uuid ?? "không ghi"], ["SHA-256 của tệp", document.file_sha256]], results: [], signatures: [],
    };
  } catch (error) { return bad(kind, heading, error instanceof Refusal ? error.message : "Báo cáo bị hỏng, không đọc được."); }
}

async function checkFile(bytes) {
  if (!bytes.length) return bad("unknown", "Tệp không dùng được", "Tệp trống.");
  if (bytes.length > 20000000) return bad("unknown", "Tệp không dùng được", "Tệp quá lớn so với một học bạ.");
  const start = new TextDecoder().decode(bytes.subarray(0, 64)).trimStart();
  if (start.startsWith("%PDF")) return { ...bad("pdf", "Trang này không đọc tệp PDF", "Không có mạng thì hãy đưa vào bản XML của học bạ, hoặc ảnh mã QR trên bản PDF."), tone: "late", next: "Muốn kiểm tra chính tệp PDF: mở trang kiểm tra của trường, hoặc dùng chương trình hocbaso-verify." };
  if (start.startsWith("{")) {
    let document;
    try { document = JSON.parse(fromUtf8(bytes)); } catch { return bad("unknown", "Tệp không dùng được", "Tệp bị hỏng hoặc không phải học bạ số."); }
    if (document.format === REPORT) return checkReport(document);
    const documents = document.format === KEY_LIST && Array.isArray(document.documents) ? document.documents : [document];
    const { keys, refused } = await learnKeys(documents), fresh = keys.filter((key) => documents.some((one) => one?.key_id === key.id));
    if (!fresh.length || refused.length) return bad("keys", "Danh sách khoá không dùng được", refused[0] ?? "Danh sách không có khoá nào.");
    return { ok: true, kind: "keys", tone: "done", heading: "Đã nạp khoá", sentence: `Khoá này được con dấu của ${fresh[0].schoolName} xác nhận.`, next: "Bây giờ đưa mã QR hoặc tệp cần kiểm tra vào.", facts: fresh.map((key) => ["Khoá", `${key.id} – ${key.schoolName}${key.withdrawn ? `. ${key.withdrawn}` : ""}`]), results: [], signatures: [] };
  }
  if (start.startsWith("http")) return checkText(new TextDecoder().decode(bytes.subarray(0, 8000)));
  if (start.startsWith("<")) return checkXml(bytes);
  return bad("unknown", "Tệp không dùng được", "Tệp bị hỏng hoặc không phải học bạ số.");
}
