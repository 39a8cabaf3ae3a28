"""A starting set of phrases for remarks, written for this project; a teacher copies what suits and makes it theirs.

How they are written (Circular 22/2021, Art. 5: a remark tells of progress, of what is strong and what is to be
worked on, and goes with the results): to the pupil's own work only, never against others; one thing seen and one next step;
nothing about a pupil's nature; no name.
"""

from __future__ import annotations

from dataclasses import dataclass

from hocbaso.regulations.remark_levels import ANY
from hocbaso.regulations.terms import Level, SubjectKind


@dataclass(frozen=True, slots=True)
class Starter:
    """A phrase that is offered. ``key`` names it in a form: area, level and place."""

    key: str
    level: str
    text: str


_T, _K, _D, _C = Level.TOT.value, Level.KHA.value, Level.DAT.value, Level.CHUA_DAT.value

_SCORED: dict[str, tuple[str, ...]] = {
    _T: (
        "Em hiểu bài sâu, biết vận dụng vào tình huống mới; nên thử thêm những bài có nhiều cách làm.",
        "Em chủ động chuẩn bị bài, trình bày rõ ràng, có lập luận; hãy giữ thói quen soát lại trước khi nộp.",
        "Em biết đặt câu hỏi hay và tự tìm cách trả lời; nên đọc thêm để mở rộng điều đã học.",
        "Em làm việc nhóm có trách nhiệm, biết giải thích cho bạn hiểu; kết quả qua các lần đánh giá đều và vững.",
    ),
    _K: (
        "Em hiểu các nội dung chính và làm tốt bài quen thuộc; cần luyện thêm bài vận dụng để chắc hơn.",
        "Em học đều, bài làm cẩn thận; nên mạnh dạn nêu ý kiến của mình trong giờ học.",
        "Em tiến bộ rõ ở nửa sau học kì; hãy ghi lại lỗi hay gặp và tự chữa để bài làm chính xác hơn.",
        "Em biết cách tự học ở nhà; cần đọc kĩ yêu cầu của đề trước khi làm.",
    ),
    _D: (
        "Em nắm được kiến thức cơ bản; cần luyện tập thường xuyên hơn và hỏi ngay khi có chỗ chưa rõ.",
        "Em có cố gắng, bài làm ở lớp ngày càng đủ ý; nên ôn lại bài cũ mỗi tuần để nhớ lâu.",
        "Em làm được các bài theo mẫu; bước tiếp theo là tự giải thích vì sao lại làm như vậy.",
        "Em tham gia hoạt động nhóm nghiêm túc; cần hoàn thành đủ bài tập ở nhà để theo kịp các phần mới.",
    ),
    _C: (
        "Em còn lúng túng ở phần kiến thức cơ bản; thầy cô sẽ cùng em ôn lại từng phần, bắt đầu từ những bài ngắn.",
        "Em cần dành thời gian học đều mỗi ngày và làm đủ bài tập; hãy hỏi thầy cô ngay trong giờ khi chưa theo kịp.",
        "Em đã làm được một số bài khi có hướng dẫn; cần luyện thêm để tự làm được những bài tương tự.",
        "Em cần đi học đều và ghi chép đủ bài; nhà trường và gia đình sẽ giúp em lập kế hoạch ôn tập.",
    ),
    ANY: (
        "Em có ý thức học tập, tôn trọng thầy cô và bạn bè.",
        "Em cần trình bày bài sạch, rõ và đúng thời gian hơn.",
    ),
}

_COMMENT: dict[str, tuple[str, ...]] = {
    _D: (
        "Em tham gia đầy đủ, thực hiện đúng yêu cầu của bài học và có sản phẩm riêng.",
        "Em tích cực luyện tập, biết hợp tác với bạn và có tiến bộ qua từng bài.",
        "Em mạnh dạn thể hiện ý tưởng của mình; nên chú ý thêm tới độ chính xác khi thực hành.",
        "Em hoàn thành các yêu cầu của học kì; hãy luyện tập thêm ở nhà để tự tin hơn.",
    ),
    _C: (
        "Em chưa thực hiện đủ các yêu cầu của học kì; thầy cô sẽ hướng dẫn em làm lại từng phần.",
        "Em cần tham gia đều các buổi thực hành và chuẩn bị đủ dụng cụ học tập.",
        "Em đã bắt đầu cố gắng ở những bài gần đây; cần luyện thêm để đạt yêu cầu chung của môn học.",
    ),
    ANY: ("Em giữ gìn dụng cụ chung và giữ an toàn khi thực hành.",),
}

_HOMEROOM: dict[str, tuple[str, ...]] = {
    _T: (
        "Em học tập chủ động, sống chan hoà và biết giúp đỡ bạn; hãy tiếp tục phát huy trong năm học tới.",
        "Em có mục tiêu rõ, biết sắp xếp thời gian học và rèn luyện; nên thử sức ở các hoạt động mới của trường.",
        "Em gương mẫu trong nền nếp, có trách nhiệm với việc chung của lớp; kết quả học tập vững ở các môn.",
    ),
    _K: (
        "Em chăm chỉ, hoà nhã, có tiến bộ trong học tập; cần mạnh dạn hơn khi phát biểu và làm việc chung.",
        "Em thực hiện tốt nội quy, học khá đều các môn; nên dành thêm thời gian cho những môn còn thấy khó.",
        "Em biết nhận lỗi và sửa lỗi, sẵn sàng nhận việc của lớp; hãy giữ nếp tự học hằng ngày.",
    ),
    _D: (
        "Em ngoan, có cố gắng; cần học đều hơn ở các môn và hỏi thầy cô khi chưa hiểu bài.",
        "Em tham gia đủ hoạt động của lớp; nên lập thời gian biểu và giữ đúng để việc học tiến bộ vững hơn.",
        "Em có nhiều chuyển biến tốt ở cuối năm; gia đình và thầy cô tiếp tục đồng hành cùng em.",
    ),
    _C: (
        "Em cần cố gắng nhiều hơn trong học tập; thầy cô và gia đình sẽ cùng em ôn lại những phần còn thiếu trong hè.",
        "Em cần thực hiện đúng nền nếp và đi học đều; lớp luôn sẵn sàng giúp em tiến bộ.",
        "Em đã có những việc làm tốt đáng ghi nhận; cần kiên trì hơn trong học tập để đạt yêu cầu của năm học.",
    ),
    ANY: (
        "Em lễ phép, hoà đồng với bạn bè và có ý thức giữ gìn trường lớp.",
        "Em tích cực tham gia hoạt động tập thể và công việc chung của lớp.",
        "Em cần rèn thêm thói quen đọc sách và tự học ở nhà.",
    ),
}

_OF_SUBJECT: dict[str, dict[str, tuple[str, ...]]] = {
    "MATH": {
        _T: ("Em lập luận chặt chẽ, tính toán chính xác và biết chọn cách giải gọn.",),
        _K: ("Em vận dụng đúng công thức, biến đổi cẩn thận; cần luyện thêm bài toán thực tế.",),
        _D: ("Em làm được các phép tính cơ bản; cần đọc kĩ đề và trình bày đủ các bước.",),
        _C: ("Em cần ôn lại phép tính với số và biểu thức; bắt đầu từ bài ngắn, làm đều mỗi ngày.",),
    },
    "LIT": {
        _T: ("Em đọc hiểu sâu, viết có cảm xúc và giọng điệu riêng, dẫn chứng chọn lọc.",),
        _K: ("Em viết đúng kiểu bài, diễn đạt trôi chảy; nên thêm dẫn chứng và cảm nhận của riêng em.",),
        _D: ("Em nắm được ý chính của văn bản; cần mở rộng vốn từ và chú ý chính tả, dấu câu.",),
        _C: ("Em cần đọc kĩ văn bản và tập viết đoạn ngắn hằng tuần; thầy cô sẽ chữa từng bài cùng em.",),
    },
    "FL1": {
        _T: ("Em nghe, nói tự tin, dùng từ phong phú; nên đọc thêm truyện và bài viết ngắn bằng tiếng nước ngoài.",),
        _K: ("Em hiểu và dùng đúng các mẫu câu đã học; cần luyện phát âm và nghe nhiều hơn.",),
        _D: ("Em giao tiếp được trong tình huống quen thuộc; cần học từ mới đều mỗi ngày.",),
        _C: ("Em cần ôn lại từ vựng và mẫu câu cơ bản; hãy bắt đầu bằng năm từ mỗi ngày.",),
    },
    "SCI": {
        _T: ("Em quan sát tinh, biết nêu giả thuyết và giải thích hiện tượng bằng kiến thức đã học.",),
        _K: ("Em thực hành đúng quy trình, ghi chép đủ; nên tự rút ra kết luận từ số liệu.",),
        _D: ("Em nắm được khái niệm cơ bản; cần liên hệ bài học với hiện tượng quanh mình.",),
        _C: ("Em cần ôn lại khái niệm chính của từng chủ đề và tham gia đủ các buổi thực hành.",),
    },
    "HISTGEO": {
        _T: ("Em trình bày sự kiện có hệ thống, biết đọc bản đồ và rút ra nhận định của mình.",),
        _K: ("Em nhớ mốc chính và dùng được bản đồ; nên giải thích thêm nguyên nhân, ý nghĩa.",),
        _D: ("Em nêu được nội dung cơ bản; cần tập lập sơ đồ để nhớ có hệ thống hơn.",),
        _C: ("Em cần đọc lại bài theo từng chủ đề và tập trả lời câu hỏi ngắn sau mỗi bài.",),
    },
    "ICT": {
        _T: ("Em thao tác thành thục, biết tự tìm cách xử lí lỗi và dùng công cụ số có trách nhiệm.",),
        _K: ("Em hoàn thành sản phẩm đúng yêu cầu; nên chú ý cách trình bày và lưu trữ.",),
        _D: ("Em làm được thao tác cơ bản; cần thực hành thêm để nhanh và đúng hơn.",),
        _C: ("Em cần luyện lại thao tác cơ bản trên máy; hãy làm theo từng bước trong sách.",),
    },
    "CIVICS": {
        _T: ("Em hiểu chuẩn mực và biết xử lí tình huống hợp lí, nói đi đôi với làm.",),
        _K: ("Em nhận biết đúng các chuẩn mực; nên nêu thêm ví dụ từ đời sống của mình.",),
        _D: ("Em nêu được nội dung bài học; cần liên hệ với việc làm hằng ngày.",),
        _C: ("Em cần đọc lại bài học và tập nêu cách ứng xử trong các tình huống gần gũi.",),
    },
    "TECH": {
        _T: ("Em thiết kế và làm sản phẩm sáng tạo, đúng quy trình, an toàn.",),
        _K: ("Em làm sản phẩm đúng bản vẽ; nên cải tiến thêm theo ý tưởng của mình.",),
        _D: ("Em thực hiện được các bước chính; cần cẩn thận hơn khi đo, cắt, lắp ráp.",),
        _C: ("Em cần xem lại quy trình và hoàn thành đủ sản phẩm thực hành của học kì.",),
    },
    "PE": {
        _D: ("Em thực hiện đúng kĩ thuật động tác, có ý thức rèn luyện sức khoẻ.",),
        _C: ("Em cần tập đều và đủ các động tác cơ bản; thầy cô sẽ hướng dẫn em tập lại.",),
    },
    "ART": {
        _D: ("Em cảm thụ tốt, sản phẩm có ý tưởng và màu sắc riêng.",),
        _C: ("Em cần hoàn thành đủ bài thực hành; có thể chọn cách thể hiện mà em thấy tự tin.",),
    },
    "EXP": {
        _D: ("Em tham gia hoạt động có trách nhiệm, biết tự đánh giá và điều chỉnh việc làm của mình.",),
        _C: ("Em cần tham gia đủ các hoạt động và nêu được điều mình rút ra sau mỗi hoạt động.",),
    },
    "LOCAL": {
        _D: ("Em hiểu thêm về văn hoá, lịch sử quê hương và biết giới thiệu với người khác.",),
        _C: ("Em cần tìm hiểu thêm về địa phương theo hướng dẫn và nộp đủ sản phẩm của chủ đề.",),
    },
}


def starters_for(code: str | None, kind: SubjectKind | None) -> tuple[Starter, ...]:
    """The set for a subject (its own phrases first, then those for every subject of its kind) or for the homeroom."""
    general = _HOMEROOM if kind is None else _COMMENT if kind is SubjectKind.COMMENT else _SCORED
    own = _OF_SUBJECT.get(code or "", {})
    return tuple(
        Starter(f"{level}-{place}", level, text)
        for level in general
        for place, text in enumerate((*own.get(level, ()), *general[level]))
    )
