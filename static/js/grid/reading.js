// What the server will make of a typed text, shown before it is sent. The server decides (services/score_reading.py);
// a test holds the two beside each other.
const clean = (raw) => raw.normalize("NFC").trim().replace(/\s+/g, " ").toLowerCase();
const MARKS = new Map([
  ...["đ", "d", "đạt", "dat"].map((word) => [word, "Đ"]),
  ...["cđ", "cd", "c", "chưa đạt", "chua dat"].map((word) => [word, "CĐ"]),
]);

export const write = (tenths) => (tenths === 100 ? "10" : Math.floor(tenths / 10) + "," + (tenths % 10));

// {text, tenths | mark | missed, shorthand: 85 for 8,5}, or null for a text that will be refused.
export function read(raw, scored) {
  const text = clean(raw);
  if (!text) return { text: "", tenths: null };
  if (/^vp( \d{1,2}[/.-]\d{1,2}([/.-]\d{4})?)?$/.test(text)) return { text: "V", tenths: null, missed: true };
  if (text === "vk") return scored ? { text: "0,0", tenths: 0, missed: true } : { text: "CĐ", mark: "CĐ", missed: true };
  if (!scored) {
    const mark = MARKS.get(text.replace(/[ðɖ]/g, "đ"));
    return mark ? { text: mark, mark } : null;
  }
  const plain = /^(10|[0-9])(?:[.,]([0-9])0*)?$/.exec(text);
  if (plain) {
    const tenths = Number(plain[1]) * 10 + Number(plain[2] || 0);
    if (tenths <= 100) return { text: write(tenths), tenths };
  }
  const pair = /^(?:([1-9][0-9])|([0-9]) ([0-9]))$/.exec(text);
  if (!pair) return null;
  const tenths = Number(pair[1] || pair[2] + pair[3]);
  if (unsure(text)) return null;
  return { text: write(tenths), tenths, shorthand: true };
}

// 11: oftener a slip beside 10 than a 1,1, so it is asked for with its comma. "" for every other text.
export const unsure = (raw) => { const seen = /^1 ?([0-9])$/.exec(clean(raw)); return seen && clean(raw) !== "10" ? "1," + seen[1] : ""; };

export function why(raw, scored) {
  const text = clean(raw);
  const said = "“" + (raw.trim().length > 20 ? raw.trim().slice(0, 19) + "…" : raw.trim()) + "”";
  if (text === "v" || text === "vắng") return "vắng có hai loại: vp nếu có phép, vk nếu không phép";
  if (!scored) return said + " không phải Đ hoặc CĐ";
  if (unsure(text)) return said + " không chắc là " + unsure(text) + " hay gõ nhầm 10; nếu đúng là " + unsure(text) + " thì gõ cả dấu phẩy";
  if (/^\d{1,2}[.,]\d{2,}$/.test(text)) return said + " có hơn một chữ số sau dấu phẩy";
  if (/^[+-]?\d+([.,]\d?)?$/.test(text)) return said + " không nằm từ 0 đến 10";
  return said + " không đọc được thành điểm";
}
