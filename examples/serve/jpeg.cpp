// SPDX-License-Identifier: Apache-2.0
#include "jpeg.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <exception>
#include <utility>

#include <jpeglib.h> // needs FILE and size_t declared before it
// and this one needs jpeglib.h
#include <jerror.h>

namespace serve {
namespace {

constexpr unsigned k_rows_between = 16;
constexpr int k_most_scans =
    200; // a few hundred bytes can ask for thousands of passes over a progressive picture

// libjpeg reports errors by a function that must not return. It jumps to the innermost `guarded`, which throws: so no
// C++ exception ever passes through C frames, and no destructor is jumped over.
struct error_manager {
    jpeg_error_mgr base; // first: libjpeg sees only this part
    std::jmp_buf jump;
    char message[JMSG_LENGTH_MAX];
};

void keep_message_and_jump(j_common_ptr codec) {
    auto* errors = reinterpret_cast<error_manager*>(codec->err);
    codec->err->format_message(codec, errors->message);
    std::longjmp(errors->jump, 1);
}

// Damaged data is a mere warning to libjpeg, which fills up with grey. A thumbnail of that would be a wrong answer.
void refuse_damage(j_common_ptr codec, int level) {
    const int code = codec->err->msg_code;
    if (level < 0 && (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER))
        keep_message_and_jump(codec);
}

void stay_silent(j_common_ptr) {}

jpeg_error_mgr* set_up(error_manager& errors) {
    jpeg_std_error(&errors.base);
    errors.base.error_exit = keep_message_and_jump;
    errors.base.emit_message = refuse_damage;
    errors.base.output_message = stay_silent;
    return &errors.base;
}

// Runs a step that calls libjpeg and nothing else. The step may own nothing that has a destructor.
template <class Step>
void guarded(error_manager& errors, const char* what, Step step) {
    if (setjmp(errors.jump) != 0) throw image_error(fmt::format("{}: {}", what, errors.message));
    step();
}

void limit_scans(j_common_ptr codec) {
    if (reinterpret_cast<j_decompress_ptr>(codec)->input_scan_number <= k_most_scans) return;
    auto* errors = reinterpret_cast<error_manager*>(codec->err);
    std::snprintf(errors->message, sizeof errors->message, "more than %d passes over the picture",
                  k_most_scans);
    std::longjmp(errors->jump, 1);
}

class reader {
public:
    reader() {
        codec_.err = set_up(errors_);
        step([&] { jpeg_create_decompress(&codec_); });
        progress_.progress_monitor = limit_scans;
        codec_.progress = &progress_;
    }
    reader(const reader&) = delete;
    reader& operator=(const reader&) = delete;
    ~reader() { jpeg_destroy_decompress(&codec_); }

    // Apart from the constructor, so that the destructor runs when it throws.
    void open(std::string_view bytes) {
        step([&] {
            jpeg_mem_src(&codec_, reinterpret_cast<const unsigned char*>(bytes.data()),
                         bytes.size());
            jpeg_read_header(&codec_, TRUE);
        });
        if (std::size_t{codec_.image_width} * codec_.image_height > k_most_pixels)
            throw image_error(fmt::format("the picture has {} x {} pixels, more than {} in all",
                                          codec_.image_width, codec_.image_height, k_most_pixels));
    }

    image read(unsigned wanted_width, const std::function<void()>& between) {
        codec_.out_color_space = JCS_RGB;
        codec_.scale_num = 1;
        codec_.scale_denom = reduction(wanted_width);
        step([&] { jpeg_start_decompress(&codec_); });
        image picture(codec_.output_width, codec_.output_height);
        while (codec_.output_scanline < codec_.output_height) {
            read_band(picture);
            if (between) between();
        }
        step([&] { jpeg_finish_decompress(&codec_); });
        return picture;
    }

private:
    template <class Step>
    void step(Step work) {
        guarded(errors_, "not a usable JPEG", work);
    }

    // The largest of libjpeg's cheap reductions that leaves twice the wanted width for the averaging.
    [[nodiscard]] unsigned reduction(unsigned wanted_width) const {
        unsigned denominator = 8;
        while (denominator > 1 &&
               (wanted_width == 0 || codec_.image_width / denominator < 2 * wanted_width))
            denominator /= 2;
        return denominator;
    }

    void read_band(image& picture) {
        const unsigned end =
            std::min(codec_.output_scanline + k_rows_between, codec_.output_height);
        step([&] {
            while (codec_.output_scanline < end) {
                JSAMPROW row = picture.row(codec_.output_scanline);
                jpeg_read_scanlines(&codec_, &row, 1);
            }
        });
    }

    error_manager errors_{};
    jpeg_progress_mgr progress_{};
    jpeg_decompress_struct codec_{};
};

// Where the encoder's output goes. libjpeg's own memory destination loses its buffer when an error cuts it short.
struct string_destination {
    jpeg_destination_mgr base{}; // first: libjpeg sees only this part
    std::string bytes;
    unsigned char block[16384];

    // The exception ends inside: the jump out of libjpeg comes after it.
    bool append(std::size_t count) noexcept {
        try {
            bytes.append(reinterpret_cast<const char*>(block), count);
            return true;
        } catch (const std::exception&) { return false; }
    }
    void rewind() {
        base.next_output_byte = block;
        base.free_in_buffer = sizeof block;
    }
};

string_destination& destination_of(j_compress_ptr codec) {
    return *reinterpret_cast<string_destination*>(codec->dest);
}

void begin_output(j_compress_ptr codec) { destination_of(codec).rewind(); }

boolean flush_block(j_compress_ptr codec) {
    string_destination& out = destination_of(codec);
    if (!out.append(sizeof out.block)) ERREXIT1(codec, JERR_OUT_OF_MEMORY, 0);
    out.rewind();
    return TRUE;
}

void end_output(j_compress_ptr codec) {
    string_destination& out = destination_of(codec);
    if (!out.append(sizeof out.block - out.base.free_in_buffer))
        ERREXIT1(codec, JERR_OUT_OF_MEMORY, 0);
}

class writer {
public:
    writer() {
        codec_.err = set_up(errors_);
        step([&] { jpeg_create_compress(&codec_); });
        out_.base.init_destination = begin_output;
        out_.base.empty_output_buffer = flush_block;
        out_.base.term_destination = end_output;
        codec_.dest = &out_.base;
    }
    writer(const writer&) = delete;
    writer& operator=(const writer&) = delete;
    ~writer() { jpeg_destroy_compress(&codec_); }

    std::string write(const image& picture, int quality) {
        step([&] {
            codec_.image_width = picture.width;
            codec_.image_height = picture.height;
            codec_.input_components = static_cast<int>(image::k_channels);
            codec_.in_color_space = JCS_RGB;
            jpeg_set_defaults(&codec_);
            jpeg_set_quality(&codec_, quality, TRUE);
            jpeg_start_compress(&codec_, TRUE);
            while (codec_.next_scanline < codec_.image_height) {
                auto* row = const_cast<JSAMPROW>(
                    picture.row(codec_.next_scanline)); // libjpeg only reads it
                jpeg_write_scanlines(&codec_, &row, 1);
            }
            jpeg_finish_compress(&codec_);
        });
        return std::move(out_.bytes);
    }

private:
    template <class Step>
    void step(Step work) {
        guarded(errors_, "can't encode the picture", work);
    }

    error_manager errors_{};
    string_destination out_;
    jpeg_compress_struct codec_{};
};

} // namespace

image decode_jpeg(std::string_view bytes, unsigned wanted_width,
                  const std::function<void()>& between) {
    if (bytes.empty()) throw image_error("not a usable JPEG: the file is empty");
    if (bytes.size() > k_most_jpeg_bytes)
        throw image_error(
            fmt::format("the file has {} bytes, more than {}", bytes.size(), k_most_jpeg_bytes));
    reader jpeg;
    jpeg.open(bytes);
    return jpeg.read(wanted_width, between);
}

std::string encode_jpeg(const image& picture, int quality) {
    return writer().write(picture, quality);
}

} // namespace serve
