/* The public page: what stands behind # in the address of a scanned QR stays in the browser until here; it is put into the form for a
   QR's text and sent once. The address is cleaned first, so that "back" does not send it again. */
(() => {
  const form = document.getElementById("ma-qr");
  if (!form || !/^#[1-9][0-9]{200,1499}$/.test(location.hash)) return;
  form.elements.qr.value = location.origin + location.pathname + location.hash;
  history.replaceState(null, "", location.pathname);
  form.requestSubmit();
})();
